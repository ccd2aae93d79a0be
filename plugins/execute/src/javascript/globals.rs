//! The data a script finds beside the standard library: `input`, `env`, `stdin` and `readline()`, `readFile(path)` and
//! `writeFile(path, text)`.

use boa_engine::object::ObjectInitializer;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string};

use super::process::World;
use crate::Script;

/// Defines the globals.
pub(super) fn define(script: &Script, world: &World, context: &mut Context) -> JsResult<()> {
    let input = JsValue::from_json(&script.input, context)?;
    context.register_global_property(js_string!("input"), input, Attribute::all())?;
    let stdin = JsString::from(world.stdin());
    context.register_global_property(js_string!("stdin"), stdin, Attribute::all())?;

    let mut env = ObjectInitializer::new(context);
    for (name, value) in &script.env {
        env.property(JsString::from(name.as_str()), JsString::from(value.as_str()), Attribute::all());
    }
    let env = env.build();
    context.register_global_property(js_string!("env"), env, Attribute::all())?;

    context.insert_data(world.clone());
    for (name, length, function) in [
        ("readline", 0, read_line as fn(&_, &_, &mut _) -> _),
        ("readFile", 1, read_file),
        ("writeFile", 2, write_file),
    ] {
        context.register_global_callable(JsString::from(name), length, NativeFunction::from_fn_ptr(function))?;
    }
    Ok(())
}

/// The next line of standard input without its end; null behind the last.
fn read_line(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let line = World::in_context(context)?.read_line();
    Ok(line.map_or_else(JsValue::null, |line| JsString::from(line.as_str()).into()))
}

fn read_file(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = text(arguments.first(), "readFile takes a path")?;
    match World::in_context(context)?.read_file(&path) {
        Some(text) => Ok(JsString::from(text.as_str()).into()),
        None => Err(JsNativeError::error().with_message(format!("there is no file \"{path}\"")).into()),
    }
}

fn write_file(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = text(arguments.first(), "writeFile takes a path and a text")?;
    let content = text(arguments.get(1), "writeFile takes a path and a text")?;
    let written = World::in_context(context)?.write_file(path, content);
    written.map(|()| JsValue::undefined()).map_err(|reason| JsNativeError::range().with_message(reason).into())
}

/// A string, and nothing that would become one: `[object Object]` in a file helps nobody.
fn text(argument: Option<&JsValue>, otherwise: &'static str) -> JsResult<String> {
    let text = argument.and_then(JsValue::as_string).map(|text| text.to_std_string_lossy());
    text.ok_or_else(|| JsNativeError::typ().with_message(otherwise).into())
}
