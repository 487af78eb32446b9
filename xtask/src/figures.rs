//! What the comparison of speed found, for people: a table in Markdown and a chart of bars in SVG.
//! Truth: CommonMark with GitHub's tables; SVG 1.1.

use std::fmt::Write as _;

use crate::bench::{Figures, Heading, Runner, Workload};

/// Under what conditions it was measured.
pub struct Setting<'a> {
    pub heading: &'a Heading,
    pub qemu: &'a str,
    pub runs: u32,
    pub host: &'a str,
}

/// The groups of workloads, each with what its mean is called.
const GROUPS: [(&str, &str); 4] = [
    ("integer", "integers and storage"),
    ("floating", "floating point"),
    ("kernel", "paths of the kernel"),
    ("threads", "two CPUs"),
];

/// How many times as long as softsie, the first time or later, QEMU takes.
fn ratio(figures: &Figures, ours: Runner, name: &str) -> Option<f64> {
    Some(figures.of(Runner::Qemu, name)? / figures.of(ours, name)?)
}

/// The geometric mean, if there is anything.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value.ln();
        count += 1.0;
    }
    (count > 0.0).then(|| f64::exp(sum / count))
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

/// The table.
pub fn table(workloads: &[Workload], figures: &Figures, setting: &Setting) -> String {
    let heading = setting.heading;
    let mut text = String::new();
    // A string grows without error.
    let _ = write!(
        text,
        "# {}\n\nWritten by `{}`. Seconds, the best of {} in turn; {}. The first run has no \
         translations of earlier ones.\nPeer: {}. Host: {}.\n\n\
         ![Times as long as on the host]({}.svg)\n\n\
         | workload | | softsie s | first run s | QEMU s | native s | QEMU / softsie | QEMU / first run | softsie / native |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        heading.title, heading.command, setting.runs, heading.what, setting.qemu, setting.host, heading.file
    );
    for workload in workloads {
        let of = |runner| figures.of(runner, &workload.name);
        let native = of(Runner::Softsie).zip(of(Runner::Native)).map(|(ours, native)| ours / native);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            workload.name,
            workload.what,
            cell(of(Runner::Softsie), 3),
            cell(of(Runner::First), 3),
            cell(of(Runner::Qemu), 3),
            cell(of(Runner::Native), 3),
            cell(ratio(figures, Runner::Softsie, &workload.name), 2),
            cell(ratio(figures, Runner::First, &workload.name), 2),
            cell(native, 1)
        );
    }
    text.push_str("\n| geometric mean of QEMU / softsie | | first run |\n|---|---|---|\n");
    let groups = GROUPS.iter().map(|(group, what)| (Some(*group), *what)).chain([(None, "all")]);
    for (group, what) in groups {
        let of_group = || workloads.iter().filter(|workload| group.is_none_or(|group| workload.group == group));
        let mean = |ours| mean(of_group().filter_map(|workload| ratio(figures, ours, &workload.name)));
        if let Some(later) = mean(Runner::Softsie) {
            let _ = writeln!(text, "| {what} | {later:.2} | {} |", cell(mean(Runner::First), 2));
        }
    }
    if !figures.boots.is_empty() {
        text.push_str(
            "\n| boot to the first process | s | resident MiB | of those beyond guest storage |\n|---|---|---|---|\n",
        );
        for ((runner, cpus), boot) in &figures.boots {
            let mib = |bytes: u64| bytes >> 20;
            let (resident, beyond) = (mib(boot.resident), mib(boot.beyond));
            let who = runner.name();
            let _ = writeln!(text, "| {who}, {cpus} CPU(s) | {:.2} | {resident} | {beyond} |", boot.seconds);
        }
    }
    let scaling = |runner| Some(2.0 * figures.of(runner, "busy-one")? / figures.of(runner, "busy-two")?);
    if let Some(ours) = scaling(Runner::Softsie) {
        let _ = writeln!(
            text,
            "\nTwo busy CPUs do {ours:.2} times the work of one; under QEMU {}, natively {}.",
            cell(scaling(Runner::Qemu), 2),
            cell(scaling(Runner::Native), 2)
        );
    }
    text
}

/// A chart with two bars for each workload: times as long as the host, on a logarithmic scale.
pub fn chart(workloads: &[Workload], figures: &Figures, native: &str) -> String {
    const ROW: f64 = 26.0;
    const LEFT: f64 = 130.0;
    const WIDTH: f64 = 640.0;
    // From half the host's time to five hundred times.
    const LEAST: f64 = 0.5;
    const MOST: f64 = 500.0;
    let x = |times: f64| LEFT + (times.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln() * WIDTH;
    let top = 44.0;
    let rows: Vec<_> = workloads
        .iter()
        .filter_map(|workload| {
            let native = figures.of(Runner::Native, &workload.name)?;
            let of = |runner| Some(figures.of(runner, &workload.name)? / native);
            Some((workload, of(Runner::Softsie)?, of(Runner::Qemu)?))
        })
        .collect();
    let bottom = rows.iter().fold(top, |y, _| y + ROW);
    let mut text = String::new();
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"{:.0}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"16\" font-size=\"13\">Times as long as {native} (logarithmic)</text>\n\
         <rect x=\"{LEFT}\" y=\"22\" width=\"10\" height=\"10\" fill=\"#0b6e99\"/><text x=\"144\" y=\"31\">softsie</text>\n\
         <rect x=\"200\" y=\"22\" width=\"10\" height=\"10\" fill=\"#d98c3f\"/><text x=\"214\" y=\"31\">QEMU, TCG</text>\n\
         <text x=\"780\" y=\"31\">QEMU / softsie</text>\n",
        bottom + 24.0
    );
    for mark in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0] {
        let _ = writeln!(
            text,
            "<line x1=\"{0:.1}\" y1=\"{top}\" x2=\"{0:.1}\" y2=\"{bottom}\" stroke=\"#ccc\"/>\
             <text x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"middle\">{mark}</text>",
            x(mark),
            bottom + 14.0
        );
    }
    for ((workload, ours, theirs), y) in rows.iter().zip(std::iter::successors(Some(top), |y| Some(y + ROW))) {
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            y + 16.0,
            workload.name
        );
        for (times, color, at) in [(ours, "#0b6e99", y + 4.0), (theirs, "#d98c3f", y + 13.0)] {
            let width = x(*times) - LEFT;
            let _ =
                writeln!(text, "<rect x=\"{LEFT}\" y=\"{at}\" width=\"{width:.1}\" height=\"8\" fill=\"{color}\"/>");
        }
        let _ = writeln!(text, "<text x=\"800\" y=\"{}\">{:.2}</text>", y + 16.0, theirs / ours);
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_geometric() {
        let of = |values: &[f64]| mean(values.iter().copied());
        assert!((of(&[2.0, 8.0]).unwrap() - 4.0).abs() < 1e-9);
        assert!((of(&[5.0]).unwrap() - 5.0).abs() < 1e-9);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        assert_eq!(cell(None, 3), "–");
        assert_eq!(cell(Some(1.23456), 3), "1.235");
    }
}
