//! Reads grants whose shape was checked, and reports what in them names nothing.

use std::time::Duration;

use super::pattern::{is_host, is_host_pattern, is_mail_pattern, is_program};
use super::record::{ARTIFACTS_QUOTA, CPU, KV_QUOTA, MAX_TIME, MEMORY, WALL, WORKSPACE_QUOTA};
use crate::decode::{Located, boolean_at, duration_at, entry_at, items, number_at, size_at, text_at, texts, word_at};
use crate::diagnostic::{Code, Problems};
use crate::duration;
use crate::grants::{
    Access, DeploymentsGrant, FilesGrant, HttpGrant, ItemScope, ItemsGrant, KvGrant, MailGrant, MailServer, MailTls,
    PluginGrants, ProcessGrant, SecretGrant, SecretUse,
};
use crate::shape::IdRule;
use crate::yaml::Node;

const HOST_HINT: &str =
    "write a name or an address without scheme, port and path; *.example.com covers the names below it";

/// Reads grants. What cannot be read grants nothing.
pub(crate) fn grants(node: &Node, problems: &mut Problems<'_>) -> PluginGrants {
    let files = |key: &str, quota: u64| {
        let node = node.get(key)?;
        Some(FilesGrant {
            access: word_at(node, "access", Access::from_word)?,
            quota: size_at(node, "quota").unwrap_or(quota),
        })
    };
    let mapping = |key: &str| node.get(key).filter(|node| matches!(node.value, crate::yaml::Value::Mapping(_)));
    PluginGrants {
        workspace: files("workspace", WORKSPACE_QUOTA),
        artifacts: files("artifacts", ARTIFACTS_QUOTA),
        kv: mapping("kv").map(|node| KvGrant { quota: size_at(node, "quota").unwrap_or(KV_QUOTA) }),
        http: items(node.get("http")).iter().filter_map(|node| http(node, problems)).collect(),
        secrets: items(node.get("secrets")).iter().filter_map(|node| secret(node, problems)).collect(),
        process: mapping("process").and_then(|node| process(node, problems)),
        items: mapping("items").and_then(|node| item_scopes(node, problems)),
        mail: mapping("mail").and_then(|node| mail(node, problems)),
        deployments: mapping("deployments").and_then(|node| deployments(node, problems)),
    }
}

fn http(node: &Node, problems: &mut Problems<'_>) -> Option<HttpGrant> {
    let methods = texts(node.get("methods")).into_iter().map(|method| method.value.to_ascii_uppercase()).collect();
    Some(HttpGrant {
        host: host(&node.get("host").and_then(Located::text)?, is_host_pattern, HOST_HINT, problems),
        scheme: text_at(node, "scheme").unwrap_or("https").to_owned(),
        port: number_at(node, "port"),
        methods,
    })
}

fn secret(node: &Node, problems: &mut Problems<'_>) -> Option<SecretGrant> {
    let name = node.get("name").and_then(Located::text)?;
    refuse_empty(node, "use", "secret", problems);
    let mut uses: Vec<SecretUse> =
        texts(node.get("use")).iter().filter_map(|word| SecretUse::from_word(&word.value)).collect();
    uses.sort_unstable();
    uses.dedup();
    let hosts: Vec<String> =
        texts(node.get("hosts")).iter().map(|text| host(text, is_host_pattern, HOST_HINT, problems)).collect();
    if let (true, Some(sent)) = (hosts.is_empty(), uses.iter().find(|way| way.sends())) {
        let place = entry_at(node, "hosts").map_or(name.span, |(key, _)| key.span);
        let message =
            format!("secret \"{:.80}\" may be sent in a {}, and nothing says to which hosts", name.value, sent.word());
        problems.report_with_hint(Code::MissingKey, place, message, "add `hosts`: hosts: [api.example.com]");
    }
    Some(SecretGrant { name: name.value, uses, hosts })
}

fn process(node: &Node, problems: &mut Problems<'_>) -> Option<ProcessGrant> {
    refuse_empty(node, "programs", "process grant", problems);
    let programs = texts(node.get("programs"));
    for program in programs.iter().filter(|program| !is_program(&program.value)) {
        let message = format!("\"{:.80}\" is not a program", program.value);
        let hint = "write a bare name such as cargo, or an absolute path such as /usr/bin/make, without arguments";
        problems.report_with_hint(Code::InvalidValue, program.span, message, hint);
    }
    Some(ProcessGrant {
        programs: some(programs)?,
        network: boolean_at(node, "network").unwrap_or_default(),
        cpu: time_at(node, "cpu", problems).unwrap_or(CPU),
        wall: time_at(node, "wall", problems).unwrap_or(WALL),
        memory: size_at(node, "memory").unwrap_or(MEMORY),
    })
}

fn time_at(node: &Node, key: &str, problems: &mut Problems<'_>) -> Option<Duration> {
    let time = duration_at(node, key)?;
    if time > MAX_TIME {
        let span = node.get(key)?.span;
        let message = format!("process grant: \"{key}\" is at most {}", duration::write(MAX_TIME));
        problems.report(Code::InvalidValue, span, message);
    }
    Some(time)
}

fn item_scopes(node: &Node, problems: &mut Problems<'_>) -> Option<ItemsGrant> {
    refuse_empty(node, "scopes", "items grant", problems);
    let mut scopes: Vec<ItemScope> =
        texts(node.get("scopes")).iter().filter_map(|word| ItemScope::from_word(&word.value)).collect();
    scopes.sort_unstable();
    scopes.dedup();
    (!scopes.is_empty()).then_some(ItemsGrant { scopes })
}

fn mail(node: &Node, problems: &mut Problems<'_>) -> Option<MailGrant> {
    refuse_empty(node, "servers", "mail grant", problems);
    let mut addresses = |key: &str| {
        let addresses = texts(node.get(key));
        for address in addresses.iter().filter(|address| !is_mail_pattern(&address.value)) {
            let message = format!("\"{:.80}\" is not an address of e-mail", address.value);
            let hint = "write ada@example.com, or *@example.com for everybody there";
            problems.report_with_hint(Code::InvalidValue, address.span, message, hint);
        }
        addresses.into_iter().map(|address| address.value).collect()
    };
    let (from, to) = (addresses("from"), addresses("to"));
    let server = |node: &Node| {
        let tls = word_at(node, "tls", MailTls::from_word).unwrap_or_default();
        let hint = "write a name or an address without scheme, port and path";
        Some(MailServer {
            host: host(&node.get("host").and_then(Located::text)?, is_host, hint, problems),
            port: number_at(node, "port").unwrap_or(tls.port()),
            tls,
        })
    };
    let servers: Vec<MailServer> = items(node.get("servers")).iter().filter_map(server).collect();
    (!servers.is_empty()).then_some(MailGrant { servers, from, to })
}

fn deployments(node: &Node, problems: &mut Problems<'_>) -> Option<DeploymentsGrant> {
    refuse_empty(node, "apps", "deployments grant", problems);
    let apps = texts(node.get("apps"));
    for app in apps.iter().filter(|app| app.value != "*" && !IdRule::Definition.allows(&app.value)) {
        let message = format!("\"{:.80}\" cannot be the name of an app", app.value);
        problems.report_with_hint(Code::InvalidId, app.span, message, IdRule::Definition.hint());
    }
    some(apps).map(|apps| DeploymentsGrant { apps })
}

/// Returns a host in lower case; one that is none is reported.
fn host(text: &Located<String>, takes: fn(&str) -> bool, hint: &str, problems: &mut Problems<'_>) -> String {
    let name = text.value.to_ascii_lowercase();
    if !takes(&name) {
        let message = format!("\"{name:.80}\" is not a host");
        problems.report_with_hint(Code::InvalidValue, text.span, message, hint);
    }
    name
}

/// Reports a list that is there and has nothing in it.
fn refuse_empty(node: &Node, key: &str, owner: &str, problems: &mut Problems<'_>) {
    if let Some((name, list)) = entry_at(node, key)
        && matches!(&list.value, crate::yaml::Value::Sequence(items) if items.is_empty())
    {
        let message = format!("{owner}: \"{key}\" lists nothing");
        problems.report_with_hint(Code::MissingKey, name.span, message, "list at least one, or remove the grant");
    }
}

/// Returns the texts, where there are any.
fn some(texts: Vec<Located<String>>) -> Option<Vec<String>> {
    (!texts.is_empty()).then(|| texts.into_iter().map(|text| text.value).collect())
}
