//! The lines of one stage's log as they arrive; to follow them, however often the connection is lost.
//!
//! A server that stops ends the answer as one does whose stage has ended. So an end is believed only where the stage
//! has ended and what is left was read without following; and lines are counted, to go on after the last one.

use std::time::Duration;

use reqwest::Response;

use super::super::client::Client;
use super::super::follow::insist;

/// Where the server says the number of the first line, counted from 1.
const FIRST: &str = "kiket-log-from";
/// How long to wait after an answer has ended before the next one is asked for.
const WAIT: Duration = Duration::from_millis(200);
/// What stages that have ended are called.
const ENDED: [&str; 6] = ["succeeded", "compensated", "failed", "allowed_failure", "skipped", "cancelled"];

/// One who reads a log.
pub(super) struct Lines<'a> {
    client: &'a Client,
    run: &'a str,
    stage: &'a str,
    attempt: Option<u32>,
    answer: Response,
    rest: Vec<u8>,
    /// The number of the next line; `None` where the server does not say which one comes first.
    next: Option<u64>,
    /// Whether there may be more than this answer has.
    follow: bool,
    ended: bool,
}

impl<'a> Lines<'a> {
    /// Connects. `tail` is how many of the last lines to begin with, `attempt` counts from 1.
    pub(super) async fn open(
        client: &'a Client,
        run: &'a str,
        stage: &'a str,
        tail: Option<u64>,
        attempt: Option<u32>,
        follow: bool,
    ) -> anyhow::Result<Self> {
        let begin = tail.map(|tail| ("tail", tail));
        let answer = ask(client, run, stage, begin, attempt, follow).await?;
        let first = answer.headers().get(FIRST).and_then(|number| number.to_str().ok()?.parse().ok());
        let next = first.or_else(|| tail.is_none().then_some(1));
        Ok(Self { client, run, stage, attempt, answer, rest: Vec::new(), next, follow, ended: false })
    }

    /// Waits for the next line; `None` after the last one.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                self.next = self.next.map(|next| next + 1);
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            if self.ended {
                return Ok(None);
            }
            match self.answer.chunk().await {
                Ok(Some(bytes)) => self.rest.extend_from_slice(&bytes),
                Ok(None) if !self.follow => self.ended = true,
                Ok(None) | Err(_) if self.next.is_some() => self.go_on().await?,
                Ok(None) => anyhow::bail!("the connection is lost"),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Asks for what comes after the last whole line.
    async fn go_on(&mut self) -> anyhow::Result<()> {
        self.rest.clear();
        let begin = self.next.map(|next| ("from", next));
        let (client, run, stage, attempt) = (self.client, self.run, self.stage, self.attempt);
        (self.answer, self.follow) = insist(WAIT, async || {
            let state = client.get(&["runs", run], &[]).await?;
            let mut stages = state["stages"].as_array().into_iter().flatten();
            let own = stages.find(|one| one["id"] == stage);
            let goes_on = own.is_some_and(|own| !ENDED.iter().any(|status| own["status"] == *status));
            Ok((ask(client, run, stage, begin, attempt, goes_on).await?, goes_on))
        })
        .await?;
        Ok(())
    }
}

async fn ask(
    client: &Client,
    run: &str,
    stage: &str,
    begin: Option<(&str, u64)>,
    attempt: Option<u32>,
    follow: bool,
) -> anyhow::Result<Response> {
    let mut query = Vec::from_iter(begin.map(|(name, number)| (name, number.to_string())));
    query.extend(attempt.map(|attempt| ("attempt", attempt.to_string())));
    query.extend(follow.then(|| ("follow", "true".to_owned())));
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.open_with(&["runs", run, "stages", stage, "log"], &query).await
}

#[cfg(test)]
mod tests {
    use super::super::super::follow::tests::serve;
    use super::*;

    fn answer(head: &str, body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n{body}")
    }

    fn run(status: &str) -> String {
        answer("", &format!(r#"{{"stages":[{{"id":"b","status":"succeeded"}},{{"id":"a","status":"{status}"}}]}}"#))
    }

    async fn read(address: &str, tail: Option<u64>) -> anyhow::Result<Vec<String>> {
        let client = Client::new(address, "kkt_test")?;
        let mut lines = Lines::open(&client, "run_1", "a", tail, None, true).await?;
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await? {
            seen.push(line);
        }
        Ok(seen)
    }

    #[tokio::test]
    async fn goes_on_after_the_last_whole_line_until_the_stage_has_ended() {
        let (address, requests) = serve(vec![
            answer("Kiket-Log-From: 8\r\n", "eight\nnine\nte"),
            "HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            run("running"),
            // Cut off in the middle of a body that says how long it is.
            answer("Content-Length: 100\r\n", "ten\nel"),
            run("succeeded"),
            answer("", "eleven\n"),
        ])
        .await;
        assert_eq!(read(&address, Some(2)).await.unwrap(), ["eight", "nine", "ten", "eleven"]);
        let requests = requests.await.unwrap();
        let asked: Vec<&str> = requests.iter().filter_map(|request| request.split(' ').nth(1)).collect();
        let (run, log) = ("/api/v1/runs/run_1", "/api/v1/runs/run_1/stages/a/log");
        let (tail, ten, eleven) =
            (format!("{log}?tail=2&follow=true"), format!("{log}?from=10&follow=true"), format!("{log}?from=11"));
        assert_eq!(asked, [&*tail, run, run, &ten, run, &eleven]);
    }

    #[tokio::test]
    async fn repeats_no_line_where_the_server_does_not_say_which_one_it_was() {
        let (address, _) = serve(vec![answer("", "eight\n")]).await;
        assert_eq!(read(&address, Some(1)).await.unwrap_err().to_string(), "the connection is lost");
    }
}
