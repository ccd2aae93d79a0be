//! The child's side of a compilation: one order, one answer, and an end at once when its host goes away.

use std::io::{self, BufRead, BufReader, Read, Stdin, Write as _, stdin, stdout};
use std::process::{ExitCode, exit};
use std::{fs, thread};

use rustix::process::{Resource, Rlimit, setrlimit};
use wasmtime::component::Component;
use wasmtime::{Cache, Engine, OutOfMemory};

use super::{Answer, CompileLimits, Done, Order, Place, Work};
use crate::error::LoadError;
use crate::source::Source;
use crate::{check, engine, imports, load};

/// The stack of the thread that works, in bytes: half of what the host's own threads
/// have, which later read what this one wrote.
const STACK: usize = 1024 * 1024;

/// Longest order.
const ORDER: u64 = 64 * 1024;

/// How many files a child may have open.
const FILES: u64 = 64;

/// Reads an order from stdin, carries it out within its limits, and writes the answer to
/// stdout. Whoever starts a [`Compiler`](super::Compiler)'s program ends up here, before
/// anything else of that program has begun.
#[must_use]
pub fn serve_compiler() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let mut input = BufReader::new(stdin());
    let mut line = Vec::new();
    input.by_ref().take(ORDER).read_until(b'\n', &mut line)?;
    let order: Order = serde_json::from_slice(&line)?;
    confine(order.limits)?;
    let mut inline = Vec::new();
    if let Place::Stdin(bytes) = order.component {
        inline.resize(bytes, 0);
        input.read_exact(&mut inline)?;
    }
    thread::spawn(move || leave_with_the_host(input));
    let worker = thread::Builder::new().stack_size(STACK).spawn(move || match &order.component {
        Place::Stdin(_) => carry_out(&order, &inline),
        Place::File { path, digest, allowed } => {
            let source = Source::File(path.as_path().into());
            carry_out(&order, &source.read(digest, *allowed)?)
        }
    })?;
    let answer = worker.join().map_err(|_| io::Error::other("the compiler panicked"))?;
    let mut output = stdout().lock();
    serde_json::to_writer(&mut output, &answer)?;
    output.flush()
}

fn confine(limits: CompileLimits) -> io::Result<()> {
    // Where the machine has no memory left, it is this process that goes. A system that does not say so may choose.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let seconds = limits.cpu.as_secs().max(1);
    for (resource, current, maximum) in [
        (Resource::Core, 0, 0),
        (Resource::As, limits.memory, limits.memory),
        // At the first the kernel says why, at the second it no longer asks.
        (Resource::Cpu, seconds, seconds + 1),
        (Resource::Nofile, FILES, FILES),
        (Resource::Fsize, limits.memory, limits.memory),
    ] {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?;
    }
    Ok(())
}

/// Nothing more comes over stdin: it ends when the host does.
fn leave_with_the_host(mut input: BufReader<Stdin>) {
    while input.read(&mut [0]).is_ok_and(|read| read > 0) {}
    exit(1);
}

fn carry_out(order: &Order, component: &[u8]) -> Answer {
    match &order.work {
        Work::Check => check::check(component).map(|()| Done { settings: None }),
        Work::Compile { folder, memory } => {
            let failed = |error: &dyn std::fmt::Display| LoadError::Compiler(error.to_string());
            fs::create_dir_all(folder).map_err(|error| failed(&error))?;
            let cache = engine::cache(folder).map_err(|error| failed(&error))?;
            let engine = engine::compiling(*memory, cache.clone()).map_err(|error| failed(&error))?;
            compile(&engine, &cache, component, order.limits)
        }
    }
}

fn compile(engine: &Engine, cache: &Cache, component: &[u8], limits: CompileLimits) -> Answer {
    let linker = imports::link(engine).map_err(|error| LoadError::Compiler(format!("{error:#}")))?;
    let compiled = Component::from_binary(engine, component).map_err(|error| explain(&error, limits))?;
    let code = compiled.image_range();
    let bytes = code.end.addr() - code.start.addr();
    if bytes > limits.code {
        return Err(LoadError::CompileLimit(format!("{bytes} bytes of code, {} are allowed", limits.code)));
    }
    load::link(&linker, &compiled)?;
    // It counts what was written or found, and nothing that could not be.
    if cache.cache_misses() + cache.cache_hits() != 1 {
        return Err(LoadError::Compiler("the code could not be written to the cache folder".to_owned()));
    }
    Ok(Done { settings: Some(engine::settings(engine)) })
}

/// Whether it is the component that is no good, or the memory that is used up.
fn explain(error: &wasmtime::Error, limits: CompileLimits) -> LoadError {
    let no_memory = error.chain().any(|cause| {
        cause.is::<OutOfMemory>()
            || cause.downcast_ref::<rustix::io::Errno>() == Some(&rustix::io::Errno::NOMEM)
            || cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
    });
    if no_memory {
        LoadError::CompileLimit(format!("more than {} bytes of memory", limits.memory))
    } else {
        LoadError::Invalid(format!("{error:#}"))
    }
}
