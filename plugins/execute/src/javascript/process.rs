//! `process`: `argv`, `env` and `exit(code)`; and what a script reads and writes, as long as it runs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use boa_engine::error::PanicError;
use boa_engine::object::ObjectInitializer;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string};

use super::FILE;
use crate::Script;
use crate::files::Files;

/// What the functions of a script change. Clones are the same world; one lives in the interpreter's context.
#[derive(Clone)]
pub(super) struct World {
    inner: Rc<Inner>,
}

struct Inner {
    stdin: String,
    /// How much of standard input was read by lines, in bytes.
    read: Cell<usize>,
    files: RefCell<Files>,
    exit: Cell<Option<u8>>,
}

impl World {
    /// Takes standard input and the files out of a script.
    pub(super) fn of(script: &mut Script) -> Self {
        let files = RefCell::new(Files::new(std::mem::take(&mut script.files)));
        let (read, exit) = (Cell::new(0), Cell::new(None));
        Self { inner: Rc::new(Inner { stdin: std::mem::take(&mut script.stdin), read, files, exit }) }
    }

    pub(super) fn in_context(context: &Context) -> JsResult<Self> {
        let world = context.get_data::<Self>().cloned();
        world.ok_or_else(|| JsNativeError::error().with_message("the script has no surroundings").into())
    }

    pub(super) fn stdin(&self) -> &str {
        &self.inner.stdin
    }

    pub(super) fn read_line(&self) -> Option<String> {
        let rest = &self.inner.stdin[self.inner.read.get()..];
        let line = rest.split_inclusive('\n').next()?;
        self.inner.read.set(self.inner.read.get() + line.len());
        let line = line.strip_suffix('\n').unwrap_or(line);
        Some(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }

    pub(super) fn read_file(&self, path: &str) -> Option<String> {
        self.inner.files.borrow().read(path).map(str::to_owned)
    }

    pub(super) fn write_file(&self, path: String, text: String) -> Result<(), String> {
        self.inner.files.borrow_mut().write(path, text)
    }

    /// The files that were written; there are none afterwards.
    pub(super) fn take_written(&self) -> BTreeMap<String, String> {
        self.inner.files.take().into_written()
    }

    /// The code that the script has exited with.
    pub(super) fn exit_code(&self) -> Option<u8> {
        self.inner.exit.get()
    }
}

/// Defines the global.
pub(super) fn define(script: &Script, context: &mut Context) -> JsResult<()> {
    let argv = ["javascript", FILE].into_iter().chain(script.args.iter().map(String::as_str));
    let argv: Vec<JsValue> = argv.map(|argument| JsString::from(argument).into()).collect();
    let argv = JsArray::from_iter(argv, context);
    let env = context.global_object().get(js_string!("env"), context)?;
    let process = ObjectInitializer::new(context)
        .property(js_string!("argv"), argv, Attribute::all())
        .property(js_string!("env"), env, Attribute::all())
        .function(NativeFunction::from_fn_ptr(exit), js_string!("exit"), 1)
        .build();
    context.register_global_property(js_string!("process"), process, Attribute::all())
}

/// Ends the script at once: what is thrown here cannot be caught by it.
fn exit(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let code = match arguments.first() {
        None => 0.0,
        Some(code) if code.is_undefined() => 0.0,
        Some(code) => code.to_number(context)?,
    };
    if !(0.0..=255.0).contains(&code) || code.fract() != 0.0 {
        return Err(JsNativeError::range().with_message("an exit code is a whole number from 0 to 255").into());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was checked")]
    World::in_context(context)?.inner.exit.set(Some(code as u8));
    Err(PanicError::new("the script has exited").into())
}
