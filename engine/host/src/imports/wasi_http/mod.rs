//! `wasi:http`: what the HTTP clients of foreign toolchains send leaves as a request of `kiket:plugin/http`.
//!
//! Only the outgoing side is here, and of it only when a request is sent; its resources are those of
//! wasmtime-wasi-http. Grant, count, limits, address check and journal are the other interface's, because it is
//! what is called ([`State::exchange`]).
//!
//! A guest is suspended while its request is under way: in `handle` where the body is already written, and in
//! `outgoing-body.finish` where it is written afterwards. So requests leave one after the other, at a place in the
//! guest's own order that is the same whenever the call is repeated, which is what the journal rests on.

mod body;
mod exchange;
mod translate;

use std::collections::HashMap;

use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{self, RequestOptions, Trailers};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, HyperIncomingBody};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpHooks, WasiHttpView as _};

use crate::bindings::kiket::plugin::http::Request;
use crate::state::State;
use body::Account;

/// The version whose functions are replaced below: wasmtime-wasi-http's own.
const TYPES: &str = "wasi:http/types@0.2.12";
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// Most bytes of one collection of header fields, what it takes to keep them included.
const FIELDS: usize = 32 * 1024;

/// Most bytes of a body that a guest writes at once.
const CHUNK: usize = 64 * 1024;

/// What came of a request.
type Outcome = Result<http::Response<HyperIncomingBody>, Error>;

/// What a guest has under way.
pub(crate) struct Exchanges {
    pub(crate) context: WasiHttpCtx,
    pub(crate) hooks: Hooks,
    /// What the host keeps of bodies.
    account: Account,
    /// The body of each request whose guest asked to write one; both by number.
    bodies: HashMap<u32, u32>,
    /// What waits for its body to be finished, by the body's number.
    unfinished: HashMap<u32, Unfinished>,
}

/// A request that was handed over before its body was whole.
struct Unfinished {
    request: Request,
    /// Gets the body once it is whole, and nothing where it never will be.
    body: oneshot::Receiver<Vec<u8>>,
    answer: oneshot::Sender<Outcome>,
}

impl Exchanges {
    /// With this many bytes for bodies.
    pub(crate) fn new(bytes: usize) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELDS);
        Self { context, hooks: Hooks, account: Account::new(bytes), bodies: HashMap::new(), unfinished: HashMap::new() }
    }
}

pub(crate) struct Hooks;

impl WasiHttpHooks for Hooks {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    /// Is never asked, since `handle` is not wasmtime-wasi-http's; would send nothing if it were.
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<wasmtime_wasi_http::RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// Links the types as they are, but for the two functions by which a body is known, and a handler of our own.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let options = wasmtime_wasi_http::p2::bindings::LinkOptions::default();
    types::add_to_linker::<_, WasiHttp>(linker, &(&options).into(), State::http)?;
    linker.allow_shadowing(true);
    let mut replaced = linker.instance(TYPES)?;
    replaced.func_wrap(
        "[method]outgoing-request.body",
        |mut store: StoreContextMut<'_, State>, (request,): (Resource<HostOutgoingRequest>,)| {
            Ok((store.data_mut().body(request)?,))
        },
    )?;
    replaced.func_wrap_async(
        "[static]outgoing-body.finish",
        |mut store: StoreContextMut<'_, State>,
         (body, trailers): (Resource<HostOutgoingBody>, Option<Resource<Trailers>>)| {
            Box::new(async move { Ok((store.data_mut().finish(body, trailers).await?,)) })
        },
    )?;
    linker.allow_shadowing(false);
    linker.instance(HANDLER)?.func_wrap_async(
        "handle",
        |mut store: StoreContextMut<'_, State>,
         (request, options): (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>)| {
            Box::new(async move { Ok((store.data_mut().handle(request, options).await?,)) })
        },
    )
}
