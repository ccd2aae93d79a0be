//! HTTP/1.1 messages, as far as the gate has to understand them: a head of lines,
//! and a request's body. No more is accepted than the Git library and Git's
//! servers send.

use std::io::{self, BufRead, ErrorKind, Read};

const HEAD_BYTES: u64 = 16 << 10;
/// What the library tells a server about the commits it has is a few KiB.
const BODY_BYTES: u64 = 4 << 20;

/// The first line of a message, and its headers.
pub(crate) struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads up to the empty line.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let mut reader = reader.take(HEAD_BYTES);
        let first = read_line(&mut reader)?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(&mut reader)?;
            if line.is_empty() {
                return Ok(Self { first, headers });
            }
            let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// What a request asks for: the second word of its first line.
    pub(crate) fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        let rest = self.first.strip_prefix("HTTP/1.")?.get(2..5)?;
        rest.parse().ok()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name));
        header.map(|header| header.1.as_str())
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|header| !header.0.eq_ignore_ascii_case(name));
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// Reads the body that belongs to a request's head, whole.
pub(crate) fn read_body(reader: &mut impl BufRead, head: &Head) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let size = read_line(&mut reader.by_ref().take(HEAD_BYTES))?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| ErrorKind::InvalidData)?;
            append(reader, &mut body, size)?;
            read_line(&mut reader.by_ref().take(HEAD_BYTES))?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let size = head.get("content-length").map_or(Ok(0), str::parse).map_err(|_| ErrorKind::InvalidData)?;
    append(reader, &mut body, size)?;
    Ok(body)
}

fn append(reader: &mut impl BufRead, body: &mut Vec<u8>, size: u64) -> io::Result<()> {
    if body.len() as u64 + size > BODY_BYTES {
        return Err(ErrorKind::InvalidData.into());
    }
    match reader.take(size).read_to_end(body)? as u64 {
        read if read == size => Ok(()),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads a line and drops its end. A line that has no end is an error.
fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    line.pop_if(|byte| *byte == b'\r');
    String::from_utf8(line).map_err(|_| ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(message: &str) -> io::Result<Vec<u8>> {
        let mut reader = message.as_bytes();
        let head = Head::read(&mut reader)?;
        read_body(&mut reader, &head)
    }

    #[test]
    fn reads_bodies_of_known_length_and_in_chunks() {
        assert_eq!(body_of("GET / HTTP/1.1\r\n\r\nnext").unwrap(), b"");
        assert_eq!(body_of("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n0000next").unwrap(), b"0000");
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(body_of(chunked).unwrap(), b"abc0123456789");
    }

    #[test]
    fn refuses_what_is_cut_off_or_too_large() {
        for message in [
            "",
            "GET / HTTP/1.1",
            "GET / HTTP/1.1\r\nHost: x\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n000",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n000",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            &format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000)),
        ] {
            assert!(body_of(message).is_err(), "{message:.80}");
        }
    }
}
