//! A message as it travels: its header and its text in MIME.

use lettre::message::header::{ContentTransferEncoding, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message as Letter};

use crate::grant::MailGrant;
use crate::wit::mail::Message;

/// Longest header that a guest may write, in bytes.
const HEADER: usize = 2_000;

/// Who sends a message and who gets it, as they were read.
pub(crate) struct Parties {
    sender: Mailbox,
    recipients: Vec<Mailbox>,
}

impl Parties {
    /// Reads who sends a message and who gets it; the error says what is wrong.
    pub(crate) fn read(message: &Message) -> Result<Self, String> {
        let recipients: Result<_, _> = message.recipients.iter().map(|text| mailbox(text)).collect();
        Ok(Self { sender: mailbox(&message.sender)?, recipients: recipients? })
    }

    /// Says which of them a grant does not list.
    pub(crate) fn stranger(&self, grant: &MailGrant) -> Option<String> {
        if !grant.sends_from(&self.sender.email) {
            return Some(format!("`{}` may not be the sender", self.sender.email));
        }
        let stranger = self.recipients.iter().find(|recipient| !grant.sends_to(&recipient.email))?;
        Some(format!("`{}` may not get e-mail", stranger.email))
    }
}

/// Makes a letter of a message; the error says what is wrong with it.
pub(super) fn compose(message: &Message) -> Result<Letter, String> {
    let Parties { sender, recipients } = Parties::read(message)?;
    let subject = header("the subject", &message.subject)?;
    let id = format!("<{}@{}>", local_part(&message.id)?, sender.email.domain());
    // Answering machines leave alone what a machine has sent (RFC 3834).
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let letter = Letter::builder().from(sender).subject(subject).message_id(Some(id)).raw_header(automatic);
    let letter = recipients.into_iter().fold(letter, |letter, recipient| letter.to(recipient));
    let text = SinglePart::plain(quoted(&message.text));
    let letter = match &message.html {
        None => letter.singlepart(text),
        Some(html) => {
            letter.multipart(MultiPart::alternative().singlepart(text).singlepart(SinglePart::html(quoted(html))))
        }
    };
    letter.map_err(|error| error.to_string())
}

/// Reads `ada@example.com` or `Ada <ada@example.com>`, and nothing that follows it.
fn mailbox(text: &str) -> Result<Mailbox, String> {
    let text = header("an address", text)?.trim();
    let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"'), address),
        None => ("", text),
    };
    let address: Address = address.parse().map_err(|error| format!("`{text}` is not an address: {error}"))?;
    Ok(Mailbox::new((!name.is_empty()).then(|| name.to_owned()), address))
}

/// A text for a header: line breaks would make another header of what follows.
fn header<'t>(what: &str, text: &'t str) -> Result<&'t str, String> {
    if text.len() > HEADER {
        return Err(format!("{what} is longer than {HEADER} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} holds a line break or another control character"));
    }
    Ok(text)
}

/// What may stand before the `@` of a `Message-ID` stays, the rest is written in hex.
fn local_part(id: &str) -> Result<String, String> {
    if id.is_empty() || id.len() > 200 {
        return Err("the id has 1 to 200 bytes".to_owned());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/?^_`{|}~".contains(&byte);
    let write = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("={byte:02X}") };
    Ok(id.bytes().map(write).collect())
}

/// Nothing but short lines of ASCII: no server has to know more, and no text can look like the end of the message.
fn quoted(text: &str) -> Body {
    let encoding = ContentTransferEncoding::QuotedPrintable;
    Body::new_with_encoding(text.to_owned(), encoding).expect("every text has a quoted-printable form")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            sender: "Kiket <kiket@example.com>".into(),
            recipients: vec!["ada@example.com".into(), "\"Bo, B.\" <bo@example.org>".into()],
            subject: "Grün".into(),
            text: "a\r\n.\r\nb\rc\n.\n".into(),
            html: None,
            id: "run_1/test [2]".into(),
        }
    }

    fn written(message: &Message) -> String {
        String::from_utf8(compose(message).expect("a letter").formatted()).expect("ascii")
    }

    #[test]
    fn writes_nothing_that_a_server_could_take_for_something_else() {
        let written = written(&message());
        assert!(written.is_ascii(), "{written}");
        let (head, body) = written.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains("From: Kiket <kiket@example.com>\r\n"), "{head}");
        assert!(head.contains("To: ada@example.com, =?utf-8?b?Qm8sIEIu?= <bo@example.org>\r\n"), "{head}");
        assert!(head.contains("Message-ID: <run_1/test=20=5B2=5D@example.com>\r\n"), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated\r\n"), "{head}");
        assert!(!body.replace("\r\n", "").contains(['\r', '\n']), "{body:?}");
    }

    #[test]
    fn carries_the_same_as_html_beside_the_text() {
        let written = written(&Message { html: Some("<b>a</b>".into()), ..message() });
        assert!(written.contains("multipart/alternative"), "{written}");
        assert!(written.contains("text/plain") && written.contains("text/html"), "{written}");
    }

    #[test]
    fn refuses_line_breaks_in_headers_and_anything_after_an_address() {
        let with = |change: fn(&mut Message)| {
            let mut message = message();
            change(&mut message);
            compose(&message).err()
        };
        assert!(with(|message| message.subject = "a\r\nBcc: eve@example.com".into()).is_some());
        assert!(with(|message| message.subject = "a\nb".into()).is_some());
        assert!(with(|message| message.sender = "a\r\n <kiket@example.com>".into()).is_some());
        assert!(with(|message| message.sender = "kiket@example.com, eve@example.com".into()).is_some());
        assert!(
            with(|message| message.recipients.push("ada@example.com\r\nRCPT TO:<eve@example.com>".into())).is_some()
        );
        assert!(with(|message| message.recipients.push("<a@example.com> <b@example.com> c".into())).is_some());
        assert!(with(|message| message.recipients.push("nobody".into())).is_some());
        assert!(with(|message| message.id = String::new()).is_some());
        assert!(with(|_| {}).is_none());
    }
}
