//! Between the interpreter's values and JSON, by the interpreter's own `JSON.stringify`: `toJSON`, getters and
//! non-finite numbers come out as a JavaScript author expects.

use boa_engine::object::builtins::JsFunction;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsValue, js_string};
use serde_json::Value;

/// The interpreter's `JSON.stringify`, taken before a script could replace it.
#[derive(Clone)]
pub(super) struct Json {
    stringify: JsFunction,
}

impl Json {
    pub(super) fn of(context: &mut Context) -> JsResult<Self> {
        let json = context.intrinsics().objects().json();
        let stringify = json.get(js_string!("stringify"), context)?;
        let stringify = stringify.as_object().and_then(JsFunction::from_object);
        Ok(Self { stringify: stringify.ok_or_else(|| JsNativeError::typ().with_message("JSON is incomplete"))? })
    }

    /// The text of a value; none for a function, a symbol or `undefined`.
    ///
    /// # Errors
    /// A cycle, a `bigint`, or what the value's own `toJSON` or getter throws.
    pub(super) fn text(&self, value: &JsValue, context: &mut Context) -> JsResult<Option<String>> {
        let text = self.stringify.call(&JsValue::undefined(), std::slice::from_ref(value), context)?;
        Ok(text.as_string().map(|text| text.to_std_string_lossy()))
    }

    /// The JSON of a value; null where it has none.
    pub(super) fn write(&self, value: &JsValue, context: &mut Context) -> JsResult<Value> {
        match self.text(value, context)? {
            None => Ok(Value::Null),
            Some(text) => serde_json::from_str(&text).map_err(JsError::from_rust),
        }
    }
}
