//! HTTP: the answers of the test, in their order.

pub(crate) use crate::bindings::kiket::plugin::http::{Error, Request, Response};
use crate::testing::outcome::Sent;
use crate::testing::world::{Expected, with};

pub(crate) fn send(request: &Request) -> Result<Response, Error> {
    let (sent, expected) = with(|world| {
        let fill = |text: &str| {
            let secrets = world.secrets.iter();
            secrets.fold(text.to_owned(), |text, (name, value)| text.replace(&super::placeholder(name), value))
        };
        let sent = Sent {
            method: request.method.clone(),
            url: fill(&request.url),
            headers: request.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
            body: std::str::from_utf8(&request.body)
                .map_or_else(|_| request.body.clone(), |text| fill(text).into_bytes()),
        };
        world.sent.push(sent.clone());
        (sent, world.http.pop_front())
    });
    let Sent { method, url, .. } = sent;
    let Some(Expected { method: wanted_method, url: wanted_url, answer }) = expected else {
        panic!("the action sends {method} {url}, and the test expects no further request");
    };
    assert!(
        (&method, &url) == (&wanted_method, &wanted_url),
        "the action sends {method} {url}, and the test expects {wanted_method} {wanted_url}"
    );
    let answer = answer.ok_or(Error::TimedOut)?;
    Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
}
