//! QEMU, unchanged, as the client: it boots Debian's kernel with devices and several CPUs, by its own firmware too, stops,
//! resets, saves, restores, dumps and migrates it. The program is built by `cargo xtask qemu-client`; without it nothing is
//! tested. Truth: what the guest says of itself, compared with what the host gave it.

#![allow(clippy::expect_used)] // a test's helpers may, too

use std::process::Command;
use std::time::{Duration, Instant};

mod bootable;
mod debugger;
mod machine;
mod migration;

use crate::machine::*;
use crate::migration::migrate;

#[test]
fn devices_cpus_resets_and_the_end() {
    let Some(folder) = prepared() else { return };
    let scratch = scratch("devices");
    let disk = noise(8 << 20);
    std::fs::write(scratch.join("disk"), &disk).expect("our own folder");
    std::fs::write(scratch.join("share"), "shared by the host").expect("our own folder");
    let drive = format!("file={},format=raw,if=none,id=disk", scratch.join("disk").display());
    let share = format!("local,id=share,path={},security_model=none", scratch.display());
    let mut machine = Machine::with_kernel(
        &folder,
        "devices",
        &[
            "-smp",
            "2,maxcpus=4",
            "-drive",
            &drive,
            "-device",
            "virtio-blk-ccw,drive=disk",
            "-netdev",
            "user,id=net",
            "-device",
            "virtio-net-ccw,netdev=net",
            "-device",
            "virtio-rng-ccw",
            "-fsdev",
            &share,
            "-device",
            "virtio-9p-ccw,fsdev=share,mount_tag=share",
        ],
    );
    machine.is_up();
    assert_eq!(machine.shell("uname -m; grep -c ^processor /proc/cpuinfo"), "s390x\n2");

    // What the guest reads is what the host wrote, and the other way round.
    let sum = Command::new("sha256sum").arg(scratch.join("disk")).output().expect("coreutils are installed");
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().expect("a sum").to_owned();
    assert_eq!(machine.shell("sha256sum /dev/vda | cut -d' ' -f1"), sum);
    machine.shell("dd if=/dev/vda of=/dev/vda bs=1M count=2 seek=4 2>/dev/null; sync");
    let written = std::fs::read(scratch.join("disk")).expect("our own file");
    assert!(written[4 << 20..6 << 20] == disk[..2 << 20] && written[6 << 20..] == disk[6 << 20..]);
    assert_eq!(
        machine.shell("mount -t 9p -o trans=virtio,version=9p2000.L share /mnt; cat /mnt/share"),
        "shared by the host"
    );
    machine.shell("echo from the guest > /mnt/answer");
    assert_eq!(std::fs::read_to_string(scratch.join("answer")).expect("the guest wrote it"), "from the guest\n");
    assert_eq!(machine.shell("dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c"), "64");

    // A download, by QEMU's own network.
    let port = serve(disk.clone());
    std::fs::write(scratch.join("disk"), &disk).expect("our own folder");
    machine.shell("ifconfig eth0 10.0.2.15 up; route add default gw 10.0.2.2");
    assert_eq!(machine.shell(&format!("wget -q -O - http://10.0.2.2:{port}/ | sha256sum | cut -d' ' -f1")), sum);

    // A CPU that comes later.
    machine.ask("device_add", "\"driver\":\"host-s390x-cpu\",\"id\":\"third\",\"core-id\":2");
    machine.shell("echo 1 > /sys/devices/system/cpu/rescan; sleep 1; echo 1 > /sys/devices/system/cpu/cpu2/online");
    assert_eq!(machine.shell("grep -c ^processor /proc/cpuinfo"), "3");
    machine.is_content();

    machine.ask("stop", "");
    assert!(machine.ask("query-status", "").contains("\"paused\""));
    machine.ask("cont", "");
    assert_eq!(machine.shell("echo goes on"), "goes on");
    machine.ask("system_reset", "");
    machine.is_up();
    machine.type_line("reboot -f");
    machine.is_up();
    machine.is_content();
    machine.powers_off("");
}

#[test]
fn states_dumps_and_a_live_migration() {
    let Some(folder) = prepared() else { return };
    let scratch = scratch("states");
    // The state goes into an image of QEMU's own format, which QEMU makes.
    let image = scratch.join("image").display().to_string();
    std::fs::write(&image, "").expect("our own folder");
    {
        let mut maker =
            Machine::new(&folder, "maker", &["-S", "-kernel", &folder.join("vmlinuz").display().to_string()]);
        maker.ask("blockdev-add", &format!("\"driver\":\"file\",\"node-name\":\"file\",\"filename\":\"{image}\""));
        let options = "\"job-id\":\"make\",\"options\":{\"driver\":\"qcow2\",\"file\":\"file\",\"size\":67108864}";
        maker.ask("blockdev-create", options);
        while !maker.ask("query-jobs", "").contains("concluded") {
            std::thread::sleep(Duration::from_millis(50));
        }
        maker.ask("job-dismiss", "\"id\":\"make\"");
        maker.ask("quit", "");
        maker.end();
    }
    let drive = format!("file={image},format=qcow2,if=none,id=disk");
    let devices = ["-smp", "2", "-drive", &drive, "-device", "virtio-blk-ccw,drive=disk", "-device", "virtio-rng-ccw"];
    let mut machine = Machine::with_kernel(&folder, "source", &devices);
    machine.is_up();
    machine.shell("word=before");
    machine.order("savevm one");
    machine.shell("word=after");
    machine.order("loadvm one");
    assert_eq!(machine.shell("echo $word"), "before");

    let dump = scratch.join("dump");
    machine.ask("dump-guest-memory", &format!("\"paging\":false,\"protocol\":\"file:{}\"", dump.display()));
    let dump = std::fs::read(dump).expect("QEMU wrote it");
    // A core file in ELF, 64-bit and big-endian, of machine 22, with all storage in it.
    assert_eq!(dump[..6], *b"\x7fELF\x02\x02");
    assert_eq!((dump[16..18].to_vec(), dump[18..20].to_vec()), (vec![0, 4], vec![0, 22]));
    assert!(dump.len() > 512 << 20);
    drop(dump);

    // While both CPUs write to storage.
    machine.shell("for n in 1 2; do (while true; do sha256sum /softsie/busybox > /tmp/$n; done) & done");
    let sum = machine.shell("sha256sum /softsie/busybox");
    migrate(&mut machine, &folder, "destination", &devices);
    assert_eq!(machine.shell("echo $word"), "before");
    assert_eq!(machine.shell("sha256sum /softsie/busybox"), sum);
    machine.is_content();
    machine.powers_off("");
}

#[test]
fn the_firmware_boots_from_a_disk() {
    let Some(folder) = prepared() else { return };
    let scratch = scratch("firmware");
    let read = |name: &str| std::fs::read(folder.join(name)).expect("it is prepared");
    let disk = bootable::disk(&read("vmlinuz"), &read("initrd.cpio"), "nokaslr quiet console=ttysclp0 from-disk");
    std::fs::write(scratch.join("disk"), disk).expect("our own folder");
    let drive = format!("file={},format=raw,if=none,id=disk", scratch.join("disk").display());
    let devices = ["-smp", "4", "-drive", &drive, "-device", "virtio-blk-ccw,drive=disk,bootindex=1"];
    let mut machine = Machine::new(&folder, "firmware", &devices);
    machine.is_up();
    assert!(machine.shell("cat /proc/cmdline").ends_with("from-disk"));
    assert_eq!(machine.shell("grep -c ^processor /proc/cpuinfo"), "4");
    machine.type_line("reboot -f");
    machine.is_up();
    machine.powers_off("");
}

/// Waits until the monitor tells of an event.
fn wait_for_event(machine: &mut Machine, name: &str) -> String {
    let name = format!("\"event\": \"{name}\"");
    let start = Instant::now();
    loop {
        if let Some(at) = machine.events.iter().position(|event| event.contains(&name)) {
            return machine.events.remove(at);
        }
        assert!(start.elapsed() < PATIENCE, "{name} does not come, but {:?}", machine.events);
        // Any command: events come with its answer.
        machine.try_to("query-status", "");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn devices_that_come_later_and_the_wishes_of_the_host() {
    let Some(folder) = prepared() else { return };
    let scratch = scratch("later");
    let disk = scratch.join("disk").display().to_string();
    std::fs::write(&disk, noise(4 << 20)).expect("our own folder");
    let arguments = ["-smp", "2", "-m", "512M,slots=1,maxmem=1G", "-device", "virtio-balloon-ccw,id=balloon"];
    let mut machine = Machine::with_kernel(&folder, "later", &arguments);
    machine.is_up();
    // A disk, and its content.
    machine.shell("test ! -e /dev/vda");
    machine.ask("blockdev-add", &format!("\"driver\":\"file\",\"node-name\":\"late\",\"filename\":\"{disk}\""));
    machine.ask("device_add", "\"driver\":\"virtio-blk-ccw\",\"id\":\"disk\",\"drive\":\"late\"");
    let sum = Command::new("sha256sum").arg(&disk).output().expect("coreutils are installed");
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().expect("a sum").to_owned();
    let wait = "for n in $(seq 100); do test -e /dev/vda && break; sleep 0.1; done";
    assert_eq!(machine.shell(&format!("{wait}; sha256sum /dev/vda | cut -d' ' -f1")), sum);
    // It goes again.
    machine.ask("device_del", "\"id\":\"disk\"");
    wait_for_event(&mut machine, "DEVICE_DELETED");
    machine.shell("for n in $(seq 100); do test -e /dev/vda || break; sleep 0.1; done; test ! -e /dev/vda");
    // Storage beside that of the beginning: a slot comes while the CPUs run. (This kernel has no driver that would use it.)
    machine.ask("object-add", "\"qom-type\":\"memory-backend-ram\",\"id\":\"more\",\"size\":268435456");
    machine.ask("device_add", "\"driver\":\"virtio-mem-ccw\",\"id\":\"mem\",\"memdev\":\"more\"");
    assert!(machine.ask("query-memory-devices", "").contains("virtio-mem"));
    // Storage that the guest gives back, and gets again.
    for size in [256u64 << 20, 512 << 20] {
        machine.ask("balloon", &format!("\"value\":{size}"));
        let start = Instant::now();
        while !machine.ask("query-balloon", "").contains(&format!("\"actual\": {size}")) {
            assert!(start.elapsed() < PATIENCE, "{}", machine.ask("query-balloon", ""));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert_eq!(machine.shell("dd if=/dev/zero bs=1M count=300 2>/dev/null | wc -c"), "314572800");
    // A restart interruption, of which the guest makes a reboot.
    machine.shell("echo reipl > /sys/firmware/shutdown_actions/on_restart");
    machine.ask("inject-nmi", "");
    machine.is_up();
    machine.is_content();
    // The host asks the guest to end.
    machine.ask("system_powerdown", "");
    assert!(machine.end().success());
}

/// Short boots, one after the other; a campaign makes more of them.
#[test]
fn boots_in_a_row() {
    let Some(folder) = prepared() else { return };
    let boots = std::env::var("SOFTSIE_QEMU_BOOTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let _ = std::fs::remove_dir_all(translations("boots"));
    for boot in 1..=boots {
        let start = Instant::now();
        let mut machine = Machine::with_kernel(&folder, "boots", &["-smp", "2"]);
        machine.is_up();
        machine.is_content();
        machine.powers_off(&format!("boot {boot}"));
        eprintln!("boot {boot}: {:.1} s", start.elapsed().as_secs_f64());
        // Although QEMU ends without closing its VM.
        let saved = std::fs::read_dir(translations("boots")).expect("softsie has made it").flatten();
        let saved: u64 = saved.flat_map(|entry| entry.metadata()).map(|about| about.len()).sum();
        assert!(saved > 1 << 20, "translations are kept for the next boot: {saved} bytes");
    }
}

#[test]
fn models() {
    let Some(folder) = prepared() else { return };
    let kernel = folder.join("vmlinuz").display().to_string();
    let mut machine = Machine::new(&folder, "models", &["-S", "-kernel", &kernel]);
    let host = machine.ask("query-cpu-model-expansion", "\"type\":\"full\",\"model\":{\"name\":\"host\"}");
    // From the facility list, from the features of KVM and from the queries: all would be others in the wrong byte order.
    let there =
        ["zarch", "ldisp", "eimm", "esan3", "edat2", "ipter", "vx", "stfle45", "esop", "msa5", "gen13ptff", "sief2"];
    for feature in there {
        assert!(host.contains(&format!("\"{feature}\": true")), "{feature}: {host}");
    }
    for feature in ["ap", "unpack"] {
        assert!(host.contains(&format!("\"{feature}\": false")), "{feature}: {host}");
    }
    machine.ask("quit", "");
    machine.end();
}
