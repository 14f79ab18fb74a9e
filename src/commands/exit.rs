//! How the program ends.

use std::process::ExitCode;

/// What the exit status says; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: everything is done.
    Done,
    /// 1: some pictures failed, the others are done.
    Failed,
    /// 2: the request or the model makes no sense; nothing is done.
    Refused,
    /// 128 and its number: stopped by a signal (Ctrl-C: 130).
    Signal(u8),
}

impl Exit {
    /// The worse of two ends.
    #[must_use]
    pub fn merge(self, other: Exit) -> Exit {
        self.max(other)
    }

    /// The status as the shell sees it.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Refused => 2,
            Exit::Signal(number) => 128 + number,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_end_wins() {
        let all = [Exit::Done, Exit::Failed, Exit::Refused, Exit::Signal(2), Exit::Signal(15)];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 130, 143]);
        for (i, a) in all.into_iter().enumerate() {
            for (j, b) in all.into_iter().enumerate() {
                assert_eq!(a.merge(b), all[i.max(j)]);
            }
        }
    }
}
