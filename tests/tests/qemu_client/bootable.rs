//! A disk as `zipl` leaves it: records that lead QEMU's firmware to the kernel and the initial ramdisk.
//! Truth: the layout that s390-ccw reads from disks with blocks of 512 bytes.

const BLOCK: usize = 512;
/// Most blocks of one pointer.
const MOST: usize = 65536;
const LOAD: u8 = 2;
const EXECUTE: u8 = 1;

fn pointer(block: usize, count: usize) -> Vec<u8> {
    let mut bytes = (block as u64).to_be_bytes().to_vec();
    bytes.extend(if count == 0 { [0; 2] } else { (BLOCK as u16).to_be_bytes() });
    bytes.extend((count.saturating_sub(1) as u16).to_be_bytes());
    bytes.extend([0; 4]);
    bytes
}

/// Adds data at the next block; which that is, and how many blocks there are.
fn put(disk: &mut Vec<u8>, data: &[u8]) -> (usize, usize) {
    let block = disk.len() / BLOCK;
    disk.extend(data);
    disk.resize(disk.len().next_multiple_of(BLOCK), 0);
    (block, disk.len() / BLOCK - block)
}

fn component(pointer: Vec<u8>, kind: u8, value: u64) -> Vec<u8> {
    [pointer, vec![0; 7], vec![kind], value.to_be_bytes().to_vec()].concat()
}

fn loaded(disk: &mut Vec<u8>, data: &[u8], address: u64) -> Vec<u8> {
    let (mut block, mut count) = put(disk, data);
    let mut list = Vec::new();
    while count > 0 {
        let piece = count.min(MOST);
        list.extend(pointer(block, piece));
        (block, count) = (block + piece, count - piece);
    }
    list.extend(pointer(0, 0));
    let (list, _) = put(disk, &list);
    component(pointer(list, 1), LOAD, address)
}

pub fn disk(kernel: &[u8], ramdisk: &[u8], words: &str) -> Vec<u8> {
    const START: usize = 0x10000;
    const RAMDISK: u64 = 0x400_0000;
    let mut kernel = kernel.to_vec();
    kernel[0x10408..0x10410].copy_from_slice(&RAMDISK.to_be_bytes());
    kernel[0x10410..0x10418].copy_from_slice(&(ramdisk.len() as u64).to_be_bytes());
    kernel[0x10480..0x10480 + words.len()].copy_from_slice(words.as_bytes());
    kernel[0x10480 + words.len()] = 0;
    let mut disk = vec![0; 8 * BLOCK];
    let mut program = b"zIPL".to_vec();
    program.resize(32, 0);
    program.extend(loaded(&mut disk, &kernel[START..], START as u64));
    program.extend(loaded(&mut disk, ramdisk, RAMDISK));
    program.extend(component(pointer(0, 0), EXECUTE, 0x0008_0000_8000_0000 | START as u64));
    let (program, _) = put(&mut disk, &program);
    let mut table = b"zIPL".to_vec();
    table.resize(16, 0);
    table.extend(pointer(program, 1));
    let (table, _) = put(&mut disk, &table);
    let mut record = b"zIPL\0\0\0\x01".to_vec();
    record.resize(16, 0);
    record.extend(pointer(table, 1));
    disk[..record.len()].copy_from_slice(&record);
    disk[510..512].copy_from_slice(b"\x55\xaa");
    disk
}
