//! `kiket plugin inspect`: what a component says of itself, without running it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use kiket_core::duration;
use kiket_core::manifest::Manifest;
use kiket_host::Interfaces;
use serde_json::{Value as Json, json};

use super::Refused;
use super::component::Component;
use crate::cli::text::{clean, clean_lines, emit, json_text};

/// Show what a component says of itself, without running it
#[derive(clap::Args)]
#[command(
    after_help = "Exit code: 0 it can be used as a plugin, as far as it says, 2 it cannot, 1 there is no such file\n\n\
                        Examples:\n  kiket plugin inspect tools/greet.wasm\n  \
                        kiket plugin inspect tools/greet.wasm --json | jq .actions.run.input"
)]
pub(super) struct Arguments {
    /// The component
    file: PathBuf,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let component = match Component::read(&arguments.file)? {
        Ok(component) => component,
        Err(refused) => return Ok(refused.end()),
    };
    let interfaces = match Interfaces::of(&component.bytes) {
        Ok(interfaces) => interfaces,
        Err(error) => return Ok(Refused::component(&arguments.file.display().to_string(), error).end()),
    };
    emit(&if arguments.json {
        json_text(&as_json(&component, &interfaces))
    } else {
        as_text(&component, &interfaces)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(component: &Component, interfaces: &Interfaces) -> Json {
    let manifest = &component.plugin.manifest;
    let mut said = serde_json::to_value(manifest).unwrap_or_default();
    for (name, action) in &manifest.actions {
        said["actions"][name]["timeout"] = action.timeout.map(duration::write).into();
    }
    for (name, guard) in &manifest.guards {
        said["guards"][name]["timeout"] = guard.timeout.map(duration::write).into();
    }
    said["digest"] = component.digest.to_string().into();
    said["size"] = component.bytes.len().into();
    said["imports"] = json!(interfaces.imports);
    said["exports"] = json!(interfaces.exports);
    said
}

fn as_text(component: &Component, interfaces: &Interfaces) -> String {
    let manifest = &component.plugin.manifest;
    let mut text = format!("{} {}\n", clean(&manifest.id), clean(&manifest.version)).replace(" \n", "\n");
    if !manifest.description.is_empty() {
        let _ = writeln!(text, "{}", clean(&manifest.description));
    }
    let kib = component.bytes.len().div_ceil(1024);
    let _ = writeln!(text, "\ndigest  {}\nsize    {} bytes ({kib} KiB)", component.digest, component.bytes.len());
    calls(&mut text, manifest);
    text += "\ncapabilities\n";
    for ask in &manifest.capabilities {
        let optional = if ask.optional { " (optional)" } else { "" };
        let reason = if ask.reason.is_empty() { String::new() } else { format!(": {}", clean(&ask.reason)) };
        let _ = writeln!(text, "  {}{optional}{reason}", ask.capability.word());
    }
    if manifest.capabilities.is_empty() {
        text += "  none\n";
    }
    for (title, names) in [("imports", &interfaces.imports), ("exports", &interfaces.exports)] {
        let _ = writeln!(text, "\n{title}");
        text.extend(names.iter().map(|name| format!("  {}\n", clean(name))));
    }
    text
}

/// The actions and guards with their schemas.
fn calls(text: &mut String, manifest: &Manifest) {
    for (name, action) in &manifest.actions {
        let timeout = action.timeout.map(|timeout| format!(", {}", duration::write(timeout))).unwrap_or_default();
        let _ = writeln!(text, "\naction {name} ({}{timeout})", action.effect.word());
        about(text, &action.description);
        schema(text, "input", action.input.as_ref());
        schema(text, "output", action.output.as_ref());
    }
    for (name, guard) in &manifest.guards {
        let timeout = guard.timeout.map(|timeout| format!(" ({})", duration::write(timeout))).unwrap_or_default();
        let _ = writeln!(text, "\nguard {name}{timeout}");
        about(text, &guard.description);
        schema(text, "input", guard.input.as_ref());
    }
}

fn about(text: &mut String, description: &str) {
    if !description.is_empty() {
        let _ = writeln!(text, "  {}", clean(description));
    }
}

fn schema(text: &mut String, part: &str, schema: Option<&Json>) {
    match schema {
        None => *text += &format!("  {part}: anything\n"),
        Some(schema) => {
            let lines = clean_lines(&json_text(schema));
            *text += &format!("  {part}:\n{}", lines.lines().map(|line| format!("    {line}\n")).collect::<String>());
        }
    }
}
