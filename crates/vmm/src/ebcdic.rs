//! EBCDIC code page 500, in which the service-call interface and STSI speak, to and from Latin-1.
//! Truth: IBM code page 500 (international); upper-case letters and digits are the same in code page 37.

/// Latin-1 characters by EBCDIC code.
const TO_LATIN1: [u8; 256] = table();

/// The printable part of code page 500 as (first code, characters) runs; control characters follow below.
const RUNS: [(u8, &[u8]); 12] = [
    (0x40, b" \xa0\xe2\xe4\xe0\xe1\xe3\xe5\xe7\xf1[.<(+!"),
    (0x50, b"&\xe9\xea\xeb\xe8\xed\xee\xef\xec\xdf]$*);^"),
    (0x60, b"-/\xc2\xc4\xc0\xc1\xc3\xc5\xc7\xd1\xa6,%_>?"),
    (0x70, b"\xf8\xc9\xca\xcb\xc8\xcd\xce\xcf\xcc`:#@'=\""),
    (0x80, b"\xd8abcdefghi\xab\xbb\xf0\xfd\xfe\xb1"),
    (0x90, b"\xb0jklmnopqr\xaa\xba\xe6\xb8\xc6\xa4"),
    (0xa0, b"\xb5~stuvwxyz\xa1\xbf\xd0\xdd\xde\xae"),
    (0xb0, b"\xa2\xa3\xa5\xb7\xa9\xa7\xb6\xbc\xbd\xbe\xac|\xaf\xa8\xb4\xd7"),
    (0xc0, b"{ABCDEFGHI\xad\xf4\xf6\xf2\xf3\xf5"),
    (0xd0, b"}JKLMNOPQR\xb9\xfb\xfc\xf9\xfa\xff"),
    (0xe0, b"\\\xf7STUVWXYZ\xb2\xd4\xd6\xd2\xd3\xd5"),
    (0xf0, b"0123456789\xb3\xdb\xdc\xd9\xda"),
];

/// The control characters that text uses: (EBCDIC, ASCII).
const CONTROLS: [(u8, u8); 8] = [
    (0x00, 0x00),
    (0x05, b'\t'),
    (0x0c, 0x0c),
    (0x0d, b'\r'),
    (0x15, b'\n'),
    (0x16, 0x08),
    (0x25, b'\n'),
    (0x27, 0x1b),
];

const fn table() -> [u8; 256] {
    // The substitute character stands for whatever has no place in Latin-1 text.
    let mut table = [0x1a; 256];
    let mut run = 0;
    while run < RUNS.len() {
        let (first, characters) = RUNS[run];
        let mut index = 0;
        while index < characters.len() {
            table[first as usize + index] = characters[index];
            index += 1;
        }
        run += 1;
    }
    let mut control = 0;
    while control < CONTROLS.len() {
        table[CONTROLS[control].0 as usize] = CONTROLS[control].1;
        control += 1;
    }
    table
}

/// EBCDIC text as a string.
pub(crate) fn decode(text: &[u8]) -> String {
    text.iter().map(|&code| char::from(TO_LATIN1[usize::from(code)])).collect()
}

/// A string as EBCDIC; characters that code page 500 lacks become question marks.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let code = |character: char| {
        let latin1 = u8::try_from(u32::from(character)).unwrap_or(b'?');
        let found = TO_LATIN1.iter().position(|&candidate| candidate == latin1);
        found.and_then(|position| u8::try_from(position).ok()).unwrap_or(0x6f)
    };
    text.chars().map(code).collect()
}

/// A name as EBCDIC in a field of `N` bytes: cut, or filled with blanks.
pub(crate) fn field<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0x40; N];
    for (to, from) in field.iter_mut().zip(encode(text)) {
        *to = from;
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_codes() {
        assert_eq!(
            encode("KVM/Linux 09 az{}[]"),
            [
                0xd2, 0xe5, 0xd4, 0x61, 0xd3, 0x89, 0x95, 0xa4, 0xa7, 0x40, 0xf0, 0xf9, 0x40, 0x81, 0xa9, 0xc0, 0xd0,
                0x4a, 0x5a
            ]
        );
        assert_eq!(decode(&[0xc8, 0x85, 0x93, 0x93, 0x96, 0x4f, 0x5f]), "Hello!^");
    }

    #[test]
    fn every_ascii_character_comes_back() {
        for character in ' '..='~' {
            assert_eq!(decode(&encode(&character.to_string())), character.to_string());
        }
    }

    #[test]
    fn fields_are_cut_and_filled() {
        assert_eq!(field::<4>("AB"), [0xc1, 0xc2, 0x40, 0x40]);
        assert_eq!(field::<2>("ABC"), [0xc1, 0xc2]);
        assert_eq!(encode("\u{4e00}"), [0x6f]);
    }
}
