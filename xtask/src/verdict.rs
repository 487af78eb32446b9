//! What an oracle printed, and how the guest's results are compared with the host's. A result is a line `NAME = VALUE`;
//! a value that begins with `~N` holds floating-point numbers in hexadecimal that may differ by N units in the last place.
//! Truth: tests/oracles, which prints so; IEEE 754 for the order of bit patterns.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The most differences of one part that are shown.
const SHOWN: usize = 40;

/// What one task printed.
#[derive(Debug, Default)]
pub struct Part {
    results: BTreeMap<String, String>,
    notes: Vec<String>,
    /// Exit status and seconds, once the task has ended.
    end: Option<(i32, u64)>,
}

/// The parts in an oracle's output.
pub fn parts(text: &str) -> BTreeMap<String, Part> {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    let mut current = None;
    for line in text.lines().map(|line| line.trim_end_matches('\r')) {
        if let Some(name) = line.strip_prefix("@begin ") {
            current = Some(name.to_owned());
            parts.insert(name.to_owned(), Part::default());
            continue;
        }
        let Some(part) = current.as_ref().and_then(|name| parts.get_mut(name)) else { continue };
        if let Some(note) = line.strip_prefix("@note ") {
            part.notes.push(note.to_owned());
        } else if let Some(end) = line.strip_prefix("@end ") {
            let mut words = end.split(' ');
            let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
            part.end = number().zip(number()).map(|(status, seconds)| (i32::try_from(status).unwrap_or(-1), seconds));
            current = None;
        } else {
            let (name, value) = line.split_once(" = ").unwrap_or((line, ""));
            // A name that comes again is another result.
            let mut key = name.to_owned();
            let mut again = 1;
            while part.results.contains_key(&key) {
                again += 1;
                key = format!("{name} ({again})");
            }
            part.results.insert(key, value.to_owned());
        }
    }
    parts
}

/// Differences that are right, each with its reason.
#[derive(Debug, Default)]
pub struct Explained(Vec<[String; 3]>);

impl Explained {
    /// Reads lines `PART | RESULT | REASON`, in which an asterisk stands for anything.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut rules = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let fields: Vec<String> = line.splitn(3, '|').map(|field| field.trim().to_owned()).collect();
            match <[String; 3]>::try_from(fields) {
                Ok(rule) => rules.push(rule),
                Err(_) => bail!("{}: a line has three fields, unlike: {line}", path.display()),
            }
        }
        Ok(Self(rules))
    }

    fn reason(&self, part: &str, result: &str) -> Option<&str> {
        let rule = self.0.iter().find(|[parts, results, _]| matches(parts, part) && matches(results, result));
        rule.map(|[_, _, reason]| reason.as_str())
    }
}

/// Whether `text` is of the form `pattern`, in which each asterisk stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| matches(tail, &rest[at..]))
}

/// Compares what the guest printed with what the host printed, says so in one line and one for each difference, and gives
/// the number of differences without explanation.
pub fn compare(oracle: &str, task: &str, host: Option<&Part>, guest: Option<&Part>, explained: &Explained) -> usize {
    let part = format!("{oracle}.{task}");
    let empty = Part::default();
    let (host, guest) = (host.unwrap_or(&empty), guest.unwrap_or(&empty));
    let mut differences = Vec::new();
    let (mut agreed, mut reasons) = (0, 0);
    let names = host.results.keys().chain(guest.results.keys().filter(|name| !host.results.contains_key(*name)));
    for name in names {
        let (here, there) = (host.results.get(name), guest.results.get(name));
        if let (Some(here), Some(there)) = (here, there)
            && agree(here, there)
        {
            agreed += 1;
        } else if explained.reason(&part, name).is_some() {
            reasons += 1;
        } else {
            let shown = |value: Option<&String>| value.map_or("(nothing)", String::as_str).to_owned();
            differences.push(format!("  {name}\n    host:  {}\n    guest: {}", shown(here), shown(there)));
        }
    }
    let status =
        |part: &Part| part.end.map_or_else(|| "did not end".to_owned(), |(status, _)| format!("status {status}"));
    let ends_alike = host.end.is_some() && host.end.map(|end| end.0) == guest.end.map(|end| end.0);
    if !ends_alike || host.results.is_empty() {
        differences.push(format!(
            "  end of {} results\n    host:  {}\n    guest: {}",
            host.results.len(),
            status(host),
            status(guest)
        ));
    }
    let seconds = |part: &Part| part.end.map_or(0, |end| end.1);
    let tally = tally(guest);
    println!(
        "{part}: {agreed} agree{}, {} differ{}; host {} s, guest {} s",
        if reasons == 0 { String::new() } else { format!(", {reasons} explained") },
        differences.len(),
        if tally.is_empty() { tally } else { format!(" ({tally})") },
        seconds(host),
        seconds(guest)
    );
    for difference in differences.iter().take(SHOWN) {
        println!("{difference}");
    }
    if differences.len() > SHOWN {
        println!("  and {} more", differences.len() - SHOWN);
    }
    if !differences.is_empty() {
        for note in &guest.notes {
            println!("  | {note}");
        }
    }
    differences.len()
}

/// How many results of a test suite passed, failed and were skipped.
fn tally(part: &Part) -> String {
    let count = |start: &str| part.results.values().filter(|value| value.starts_with(start)).count();
    let counts = [("passed", count("pass")), ("failed", count("FAIL") + count("ERROR")), ("skipped", count("skip"))];
    if counts.iter().all(|(_, count)| *count == 0) {
        return String::new();
    }
    counts.map(|(what, count)| format!("{count} {what}")).join(", ")
}

fn agree(host: &str, guest: &str) -> bool {
    let Some((limit, host_numbers)) = host.strip_prefix('~').and_then(|text| text.split_once(' ')) else {
        return host == guest;
    };
    let Some(guest_numbers) = guest.strip_prefix('~').and_then(|text| text.strip_prefix(limit)) else { return false };
    let Ok(limit) = limit.parse::<u64>() else { return false };
    let (host, guest) = (host_numbers.split_whitespace(), guest_numbers.split_whitespace());
    host.clone().count() == guest.clone().count()
        && host.zip(guest).all(|(a, b)| a == b || ulps(a, b).is_some_and(|apart| apart <= limit))
}

/// How many floating-point numbers two of the same format are apart, given as hexadecimal bit patterns.
fn ulps(a: &str, b: &str) -> Option<u64> {
    let place = |text: &str| -> Option<i128> {
        let bits = i128::from(u64::from_str_radix(text, 16).ok()?);
        let sign = 1_i128 << (4 * text.len() - 1);
        let infinity = if text.len() == 8 { 0x7f80_0000 } else { 0x7ff0_0000_0000_0000 };
        let magnitude = bits & (sign - 1);
        (magnitude < infinity).then_some(if bits & sign == 0 { magnitude } else { -magnitude })
    };
    if a.len() != b.len() || !matches!(a.len(), 8 | 16) {
        return None;
    }
    u64::try_from((place(a)? - place(b)?).abs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_results_notes_and_ends() {
        let text = "boot\n@begin one\na = 1\na = 2\nwords\r\n@note trouble\n@end 0 7\nnothing\n@begin two\nb = 3\n";
        let parts = parts(text);
        assert_eq!(parts["one"].results["a"], "1");
        assert_eq!(parts["one"].results["a (2)"], "2");
        assert_eq!(parts["one"].results["words"], "");
        assert_eq!((parts["one"].notes.as_slice(), parts["one"].end), (&["trouble".to_owned()][..], Some((0, 7))));
        assert_eq!((parts["two"].results.len(), parts["two"].end), (1, None));
    }

    #[test]
    fn numbers_agree_within_their_limit_only() {
        assert!(agree("~1 3ff0000000000000 3f800000", "~1 3ff0000000000001 3f7fffff"));
        assert!(!agree("~1 3ff0000000000000", "~1 3ff0000000000002"));
        assert!(agree("~1 0000000000000000", "~1 8000000000000000"), "the zeros are no distance apart");
        assert!(agree("~2 0000000000000001", "~2 8000000000000001"));
        assert!(!agree("~1 7ff0000000000000", "~1 7fefffffffffffff"), "an overflow is no rounding");
        assert!(agree("~1 7ff8000000000000", "~1 7ff8000000000000"));
        assert!(!agree("~1 3f800000 3f800000", "~1 3f800000"));
        assert!(!agree("1", "2"));
    }

    #[test]
    fn differences_are_counted_unless_explained() {
        let both = parts(
            "@begin h\na = 1\nb = 2\nc = 3\n@end 0 1\n@begin g\na = 1\nb = 5\nd = 4\n@end 0 1\n@begin f\na = 1\n@end 1 1\n",
        );
        let none = Explained::default();
        assert_eq!(compare("o", "t", both.get("h"), both.get("h"), &none), 0);
        assert_eq!(compare("o", "t", both.get("h"), both.get("g"), &none), 3);
        let rules = Explained(vec![["o.*".into(), "b*".into(), "why".into()]]);
        assert_eq!(compare("o", "t", both.get("h"), both.get("g"), &rules), 2);
        assert_eq!(compare("o", "t", both.get("h"), None, &none), 4, "what did not end differs as well");
        assert_eq!(compare("o", "t", None, None, &none), 1, "nothing at all is no agreement");
        assert_eq!(compare("o", "t", both.get("f"), both.get("f"), &none), 0);
    }
}
