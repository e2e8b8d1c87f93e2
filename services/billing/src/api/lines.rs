//! A stream of bytes as lines, in bounded memory.

use axum::body::{Body, BodyDataStream, Bytes};
use futures::StreamExt;

/// One line of the body, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Its bytes; may be empty.
    Text(Vec<u8>),
    /// It was longer than allowed; its bytes are dropped.
    TooLong,
}

/// The body's lines.
pub struct Lines {
    stream: BodyDataStream,
    /// What arrived and was not looked at.
    rest: Bytes,
    line: Vec<u8>,
    too_long: bool,
    max_bytes: usize,
    ended: bool,
}

impl Lines {
    /// Lines of at most `max_bytes`.
    pub fn new(body: Body, max_bytes: usize) -> Self {
        let stream = body.into_data_stream();
        Self {
            stream,
            rest: Bytes::new(),
            line: Vec::new(),
            too_long: false,
            max_bytes,
            ended: false,
        }
    }

    /// The next line; the last needs no end. `None` after it.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn next(&mut self) -> Result<Option<Line>, axum::Error> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let piece = self.rest.split_to(end.saturating_add(1));
                self.take(piece.strip_suffix(b"\n").unwrap_or(&piece));
                return Ok(Some(self.finish()));
            }
            let piece = std::mem::take(&mut self.rest);
            self.take(&piece);
            match self.stream.next().await {
                Some(bytes) => self.rest = bytes?,
                None if self.ended => return Ok(None),
                None => {
                    self.ended = true;
                    if self.line.is_empty() && !self.too_long {
                        return Ok(None);
                    }
                    return Ok(Some(self.finish()));
                }
            }
        }
    }

    fn take(&mut self, piece: &[u8]) {
        if self.too_long || self.line.len().saturating_add(piece.len()) > self.max_bytes {
            self.too_long = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    fn finish(&mut self) -> Line {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.too_long) {
            return Line::TooLong;
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Line::Text(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(pieces: &[&'static str], max_bytes: usize) -> Vec<Line> {
        let pieces: Vec<Result<Bytes, std::io::Error>> = pieces.iter().map(|piece| Ok(Bytes::from(*piece))).collect();
        let mut lines = Lines::new(Body::from_stream(futures::stream::iter(pieces)), max_bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line);
        }
        assert_eq!(lines.next().await.unwrap(), None);
        all
    }

    fn text(text: &str) -> Line {
        Line::Text(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn lines_are_cut_where_they_end_however_they_arrive() {
        for pieces in [
            &["a\nbc\r\n\nd"][..],
            &["a", "\nb", "c\r", "\n", "\n", "d"],
            &["a\nb", "c\r\n\nd", ""],
        ] {
            assert_eq!(
                lines(pieces, 10).await,
                [text("a"), text("bc"), text(""), text("d")],
                "{pieces:?}"
            );
        }
        assert_eq!(lines(&[], 10).await, []);
        assert_eq!(lines(&["\n"], 10).await, [text("")]);
        assert_eq!(lines(&["a\n"], 10).await, [text("a")]);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_dropped_alone() {
        assert_eq!(
            lines(&["abc\nab", "cd", "efgh\nabc"], 3).await,
            [text("abc"), Line::TooLong, text("abc")]
        );
        assert_eq!(lines(&["abcd"], 3).await, [Line::TooLong]);
        assert_eq!(lines(&["abcd\n"], 3).await, [Line::TooLong]);
    }
}
