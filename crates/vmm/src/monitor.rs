//! The monitor: a small conversation about the machine while all its CPUs stand still.
//! Truth: none; commands carry the names of the monitors people know.

use std::fmt::Write;

use crate::cpu::State;
use crate::machine::{Ending, Machine, Pause};
use crate::report::{self, Snapshot};

const HELP: &str = "\
info registers      PSW, general and control registers, last interruptions
info cpus           state of all CPUs
cpu N               which CPU the other commands are about
psw                 the PSW and the instructions it points to
x ADDRESS [COUNT]   storage as the CPU's program sees it, in words
xp ADDRESS [COUNT]  absolute storage, in words
dis [ADDRESS [N]]   disassemble N instructions
powerdown           ask the guest to shut down
reset               restart the guest
cont                let the guest go on
quit                end the run
";
/// Words shown at most by one command.
const MOST_WORDS: u64 = 4096;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Command {
    Help,
    Registers,
    Cpus,
    Cpu(usize),
    Psw,
    Examine { address: u64, count: u64, absolute: bool },
    Disassemble { address: Option<u64>, count: u64 },
    PowerDown,
    Reset,
    Continue,
    Quit,
}

fn parse(line: &str) -> Result<Command, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |text: &str| {
        let digits = text.trim_start_matches("0x");
        u64::from_str_radix(digits, 16).map_err(|_| format!("'{text}' is no hexadecimal number"))
    };
    let count = |text: Option<&&str>, default: u64| match text {
        None => Ok(default),
        Some(text) => text
            .parse::<u64>()
            .ok()
            .filter(|count| (1..=MOST_WORDS).contains(count))
            .ok_or_else(|| format!("'{text}' is no count from 1 to {MOST_WORDS}")),
    };
    match words.as_slice() {
        ["help" | "h" | "?"] => Ok(Command::Help),
        ["info" | "i", "registers" | "r"] => Ok(Command::Registers),
        ["info" | "i", "cpus"] => Ok(Command::Cpus),
        ["cpu", text] => Ok(Command::Cpu(text.parse().map_err(|_| format!("'{text}' is no CPU"))?)),
        ["psw"] => Ok(Command::Psw),
        [examine @ ("x" | "xp"), address, rest @ ..] if rest.len() < 2 => Ok(Command::Examine {
            address: number(address)?,
            count: count(rest.first(), 4)?,
            absolute: *examine == "xp",
        }),
        ["dis" | "disassemble", rest @ ..] if rest.len() <= 2 => Ok(Command::Disassemble {
            address: rest.first().map(|text| number(text)).transpose()?,
            count: count(rest.get(1), 8)?,
        }),
        ["powerdown"] => Ok(Command::PowerDown),
        ["reset"] => Ok(Command::Reset),
        ["cont" | "c"] => Ok(Command::Continue),
        ["quit" | "q"] => Ok(Command::Quit),
        _ => Err("unknown command; 'help' lists those there are".into()),
    }
}

/// Holds the machine and answers the lines that `read` gives until it is to go on.
pub(crate) fn converse(machine: &Machine, mut read: impl FnMut() -> Option<String>) {
    let Some(pause) = machine.pause(None) else {
        machine.console.note("the machine is just being reset: try again");
        return;
    };
    eprintln!("\nsoftsie monitor: the guest stands still; 'cont' lets it go on, 'help' lists the commands");
    let mut current = 0;
    loop {
        eprint!("(softsie) ");
        let Some(line) = read() else {
            eprintln!();
            return;
        };
        if line.trim().is_empty() {
            continue;
        }
        match parse(&line) {
            Err(message) => eprintln!("{message}"),
            Ok(Command::Continue) => return,
            Ok(Command::Quit) => {
                drop(pause);
                machine.end(Ending::Left);
                return;
            }
            Ok(command) => match execute(machine, &pause, command, &mut current) {
                Some(text) => eprint!("{text}"),
                None => return,
            },
        }
    }
}

/// Carries out a command; `None` when the guest shall go on afterwards.
fn execute(machine: &Machine, pause: &Pause<'_>, command: Command, current: &mut usize) -> Option<String> {
    let with_cpu = |show: &dyn Fn(crate::cpu::Registers<'_>) -> String| {
        let Some(cpu) = machine.cpus.get(*current) else { return "no such CPU\n".to_owned() };
        let control = cpu.lock();
        cpu.parked_registers(&control).map_or_else(|| "this CPU is still running\n".to_owned(), show)
    };
    Some(match command {
        Command::Registers => with_cpu(&|registers| {
            let snapshot = Snapshot::take(machine, registers);
            report::psw(&snapshot) + &report::all_registers(&snapshot) + &report::interruptions(&snapshot)
        }),
        Command::Psw => with_cpu(&|registers| {
            let snapshot = Snapshot::take(machine, registers);
            report::psw(&snapshot) + &report::instructions(machine, registers, snapshot.psw.1, 4)
        }),
        Command::Cpus => {
            let mut text = String::new();
            for cpu in &machine.cpus {
                let control = cpu.lock();
                let state = match control.state {
                    State::Operating => "operating",
                    State::DisabledWait => "waits for good",
                    State::Stopped => "stopped",
                };
                let psw = cpu.parked_registers(&control).map_or((0, 0), |registers| registers.psw());
                let _ = writeln!(text, "CPU {}: {state}, PSW {:016x} {:016x}", cpu.address, psw.0, psw.1);
            }
            text
        }
        Command::Cpu(number) if number < machine.cpus.len() => {
            *current = number;
            String::new()
        }
        Command::Cpu(number) => format!("there is no CPU {number}\n"),
        Command::Examine { address, count, absolute } => with_cpu(&|registers| {
            let mut bytes = vec![0; count as usize * 4];
            let read = if absolute {
                machine.storage.read(address, &mut bytes)
            } else {
                registers.read_logical(address, 0, &mut bytes)
            };
            match read {
                Some(()) => words(address, &bytes),
                None => format!("{address:016x} cannot be read\n"),
            }
        }),
        Command::Disassemble { address, count } => with_cpu(&|registers| {
            let address = address.unwrap_or_else(|| registers.psw().1);
            let text = report::instructions(machine, registers, address, count as usize);
            if text.is_empty() { format!("{address:016x} cannot be read\n") } else { text }
        }),
        Command::PowerDown => match machine.request_shutdown() {
            Ok(true) => return None,
            Ok(false) => "the guest does not listen for shutdown signals\n".into(),
            Err(error) => format!("{error}\n"),
        },
        Command::Reset => match machine.restart(pause, true) {
            Ok(()) => return None,
            Err(error) => format!("{error}\n"),
        },
        Command::Help | Command::Continue | Command::Quit => HELP.to_owned(),
    })
}

fn words(address: u64, bytes: &[u8]) -> String {
    let mut text = String::new();
    for (row, sixteen) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "{:016x} ", address.wrapping_add(row as u64 * 16));
        for word in sixteen.chunks(4) {
            text.push(' ');
            for byte in word {
                let _ = write!(text, "{byte:02x}");
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_with_their_short_forms() {
        assert_eq!(parse(" info  registers "), Ok(Command::Registers));
        assert_eq!(parse("x 0x10000 16"), Ok(Command::Examine { address: 0x10000, count: 16, absolute: false }));
        assert_eq!(parse("xp 200"), Ok(Command::Examine { address: 0x200, count: 4, absolute: true }));
        assert_eq!(parse("dis"), Ok(Command::Disassemble { address: None, count: 8 }));
        assert_eq!(parse("c"), Ok(Command::Continue));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse("x zz").unwrap_err().contains("'zz'"));
        assert!(parse("x 0 0").unwrap_err().contains("count"));
        assert!(parse("x 0 99999999").unwrap_err().contains("count"));
        assert!(parse("frobnicate").unwrap_err().contains("help"));
    }

    #[test]
    fn storage_is_shown_in_words() {
        assert_eq!(words(0x20, &[0, 1, 2, 3, 4]), "0000000000000020  00010203 04\n");
    }
}
