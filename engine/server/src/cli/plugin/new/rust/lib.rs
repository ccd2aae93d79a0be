//! Greets somebody.
use kiket_plugin::prelude::*;

plugin! { manifest: "manifest.yaml", actions: { "run" => greet }, schemas: derived }

#[derive(Deserialize, JsonSchema)]
struct Input {
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    greeting: String,
}

fn greet(input: Input, _call: &Call) -> Result<Output, Failure> {
    log::info!("greeting {}", input.name);
    Ok(Output { greeting: format!("Hello {}", input.name) })
}

#[cfg(test)]
mod tests;
