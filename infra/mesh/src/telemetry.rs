//! Logs and traces: JSON or pretty lines, W3C trace context, OTLP export where configured.
//!
//! Secrets are `Secret` and print `***`; nothing here needs to know them.

use std::{error::Error, io::IsTerminal as _};

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogFormat, Telemetry};

/// Sends what is buffered when dropped at the end of a process.
#[must_use = "dropping it ends the export of traces"]
pub struct Exporting(Option<SdkTracerProvider>);

impl Exporting {
    /// Whether traces leave this process.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(|provider| provider.shutdown()) {
            tracing::warn!(error = &error as &dyn Error, "the last traces were not exported");
        }
    }
}

/// Installs the subscriber once per process; a second call keeps the first. Call it inside the runtime.
pub fn install(service: &str, settings: &Telemetry) -> Exporting {
    let (subscriber, exporting, problem) = subscriber(service, settings, std::io::stdout);
    let installed = subscriber.try_init().is_ok();
    if let Some(problem) = problem {
        tracing::error!(error = &*problem as &dyn Error, "traces are not exported");
    }
    if installed { exporting } else { Exporting(None) }
}

type Problem = Box<dyn Error + Send + Sync>;

fn subscriber<W>(
    service: &str,
    settings: &Telemetry,
    writer: W,
) -> (impl Subscriber + Send + Sync + 'static, Exporting, Option<Problem>)
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        LogFormat::Pretty => lines.compact().with_ansi(std::io::stdout().is_terminal()).boxed(),
    };
    let (provider, problem) = match settings.otlp.as_deref().map(|endpoint| exporter(service, endpoint)) {
        Some(Ok(provider)) => (Some(provider), None),
        Some(Err(problem)) => (None, Some(problem)),
        None => (None, None),
    };
    let traces = provider.as_ref().map(|p| tracing_opentelemetry::layer().with_tracer(p.tracer("neipix")));
    (tracing_subscriber::registry().with(filter).with(traces).with(lines), Exporting(provider), problem)
}

fn exporter(service: &str, endpoint: &str) -> Result<SdkTracerProvider, Problem> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let resource = opentelemetry_sdk::Resource::builder().with_service_name(service.to_owned()).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// A fresh, sampled W3C trace context.
#[must_use]
pub fn new_traceparent() -> String {
    let (trace, span): (u128, u64) = (rand::random(), rand::random());
    format!("00-{:032x}-{:016x}-01", trace.max(1), span.max(1))
}

/// The 32 hex digits of a trace context.
#[must_use]
pub fn trace_id(traceparent: &str) -> &str {
    traceparent.get(3..35).unwrap_or_default()
}

/// Reads a W3C trace context of version 00; nothing where it breaks a rule of the standard.
fn read(traceparent: &str) -> Option<SpanContext> {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let ["00", trace, span, flags] = parts.as_slice() else { return None };
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    if !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::default())).filter(SpanContext::is_valid)
}

/// Makes a span a child of the trace that a call came with. Call it before the span is entered.
pub fn set_parent(span: &tracing::Span, traceparent: &str) {
    if let Some(parent) = read(traceparent) {
        // Fails where no traces are exported: nothing to tell then.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }
}

/// The context to send on: the current span within the trace of `came`, or `came` itself where nothing is exported.
#[must_use]
pub fn onward(came: &str) -> String {
    let context = tracing::Span::current().context();
    let span = context.span();
    let own = span.span_context();
    if own.is_valid() && own.trace_id().to_string() == trace_id(came) {
        return format!("00-{}-{}-{:02x}", own.trace_id(), own.span_id(), own.trace_flags().to_u8());
    }
    came.to_owned()
}

#[cfg(test)]
mod tests;
