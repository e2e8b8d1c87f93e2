//! What a command says on its standard output and error. A reader that has seen enough (`| head -1`) is no failure: the rest
//! is said to nobody, and the command ends with the exit code that it would have had.

use std::io::{self, Write};

/// Says a line, or several, on standard output.
pub fn say(text: impl AsRef<str>) {
    told(writeln!(io::stdout().lock(), "{}", text.as_ref()));
}

/// Says a line, or several, on standard error.
pub fn complain(text: impl AsRef<str>) {
    // Where even standard error cannot be written there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Whatever else than a closed pipe keeps a command from saying what it found is worth a word.
fn told(done: io::Result<()>) {
    if let Err(error) = done
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        complain(format!("standard output: {error}"));
    }
}

/// A writer whose reader may leave: from then on everything is written to nobody.
#[derive(Debug)]
pub struct Patient<W> {
    out: W,
    left: bool,
}

impl<W: Write> Patient<W> {
    /// Writes to `out` for as long as somebody reads it.
    pub const fn new(out: W) -> Self {
        Self { out, left: false }
    }

    fn unless_left<T>(&mut self, nobody: T, work: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if self.left {
            return Ok(nobody);
        }
        match work(&mut self.out) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.left = true;
                Ok(nobody)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_left(bytes.len(), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_left((), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then fails in one way.
    struct Pipe(usize, io::ErrorKind);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(self.1.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            self.write(b"x").map(drop)
        }
    }

    #[test]
    fn only_a_reader_that_left_is_no_failure() {
        let mut patient = Patient::new(Pipe(3, io::ErrorKind::BrokenPipe));
        assert!(patient.write_all(b"many lines").is_ok() && patient.flush().is_ok());
        assert!(patient.write_all(b"more").is_ok());
        let mut full = Patient::new(Pipe(3, io::ErrorKind::StorageFull));
        assert_eq!(
            full.write_all(b"many lines").unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }
}
