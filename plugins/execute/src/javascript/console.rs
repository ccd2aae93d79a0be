//! `console`: what a script writes.

use boa_engine::object::ObjectInitializer;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsResult, JsString, JsValue, NativeFunction, js_string};
use kiket_plugin::log::Level;

use super::json::Json;
use crate::console::Console;

/// The functions of `console`, and how much what they write matters.
const FUNCTIONS: [(&str, Level); 5] = [
    ("log", Level::Info),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("warn", Level::Warn),
    ("error", Level::Error),
];

/// What the console's functions need; lives in the interpreter's context.
struct Printer {
    console: Console,
    json: Json,
}

/// Defines the global.
pub(super) fn define(console: &Console, json: &Json, context: &mut Context) -> JsResult<()> {
    context.insert_data(Printer { console: console.clone(), json: json.clone() });
    let mut functions = ObjectInitializer::new(context);
    for (name, level) in FUNCTIONS {
        let print = NativeFunction::from_copy_closure(move |_, values, context| print(level, values, context));
        functions.function(print, JsString::from(name), 0);
    }
    let functions = functions.build();
    context.register_global_property(js_string!("console"), functions, Attribute::all())
}

fn print(level: Level, values: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let words: Vec<String> = values.iter().map(|value| show(value, context)).collect();
    if let Some(printer) = context.get_data::<Printer>() {
        printer.console.write(level, &words.join(" "));
    }
    Ok(JsValue::undefined())
}

/// A string as it is, plain objects and arrays as JSON on one line, everything else as the interpreter shows it.
fn show(value: &JsValue, context: &mut Context) -> String {
    if let Some(text) = value.as_string() {
        return text.to_std_string_lossy();
    }
    let is_plain = value.as_object().is_some_and(|object| object.is_array() || object.is_ordinary());
    let json = context.get_data::<Printer>().map(|printer| printer.json.clone()).filter(|_| is_plain);
    match json.map(|json| json.text(value, context)) {
        Some(Ok(Some(text))) => text,
        _ => value.display().to_string(),
    }
}
