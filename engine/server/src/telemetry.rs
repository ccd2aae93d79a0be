//! Traces for whoever collects them: spans of requests, syncs, attempts and calls of plugins, sent over OTLP.
//!
//! Off unless an endpoint is named: the spans have a target of their own that nothing else listens to, so without one
//! they are not even made. What a span says are names and ids, never what a stage was given or said.
//!
//! All spans of a run are one trace, whose id is the run's ULID: whoever has the run's id finds the trace. Losing
//! a collector loses spans, and nothing waits for it.

use std::time::Duration;

use anyhow::Context as _;
use kiket_core::RunId;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

/// The target of every span that is sent.
pub(crate) const TARGET: &str = "kiket::trace";
/// Where collectors take traces, below the address they are known by.
const PATH: &str = "/v1/traces";
/// How long a collector may take for one batch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Spans on their way to a collector.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Prepares to send spans to the collector at `endpoint`; nothing is sent yet. It is called outside of any runtime:
    /// spans are sent from a thread of their own.
    ///
    /// # Errors
    /// The endpoint is not an address.
    pub(crate) fn to(endpoint: &str) -> anyhow::Result<Self> {
        // Somebody else may have been first, with the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = endpoint.trim_end_matches('/');
        let address = if base.ends_with(PATH) { base.to_owned() } else { format!("{base}{PATH}") };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(address)
            .with_timeout(PATIENCE)
            .build()
            .with_context(|| format!("traces cannot be sent to `{endpoint}`"))?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name("kiket").with_attribute(version).build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// Returns what takes the spans.
    pub(crate) fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> impl Layer<S> + use<S> {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("kiket"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(Targets::new().with_target(TARGET, LevelFilter::DEBUG))
    }

    /// Sends what is left; waits for the collector, but not for long.
    pub(crate) fn close(self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::debug!(%error, "the last spans were not sent");
        }
    }
}

/// Makes a span part of the trace of a run.
pub(crate) fn join(span: &Span, run: RunId) {
    if span.is_disabled() {
        return;
    }
    let text = run.to_string();
    let Ok(ulid) = text.trim_start_matches("run_").to_uppercase().parse::<ulid::Ulid>() else { return };
    let trace = u128::from(ulid);
    // The run itself is no span: it outlives processes. Its place has a name all the same, the end of its id.
    let place = u64::try_from(trace & u128::from(u64::MAX)).unwrap_or_default();
    let (trace, place) = (TraceId::from(trace), SpanId::from(place));
    let run = SpanContext::new(trace, place, TraceFlags::SAMPLED, true, TraceState::default());
    let _ = span.set_parent(Context::new().with_remote_span_context(run));
}
