//! Logs and traces: JSON or pretty lines, W3C trace context, OTLP export where configured.
//!
//! Secrets are `Secret` and print `***`; nothing here needs to know them.

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogFormat, Telemetry};

/// Sends what is buffered when dropped at the end of a process.
#[must_use = "dropping it ends the export of traces"]
pub struct Exporting(Option<SdkTracerProvider>);

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            let _ = provider.shutdown();
        }
    }
}

/// Installs the subscriber once per process; a second call keeps the first.
pub fn install(service: &str, settings: &Telemetry) -> Exporting {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = match settings.format {
        LogFormat::Json => {
            tracing_subscriber::fmt::layer().json().with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Pretty => tracing_subscriber::fmt::layer().compact().boxed(),
    };
    let provider = settings.otlp.as_deref().and_then(|endpoint| exporter(service, endpoint));
    let traces = provider.as_ref().map(|p| tracing_opentelemetry::layer().with_tracer(p.tracer("neipix")));
    let _ = tracing_subscriber::registry().with(filter).with(traces).with(lines).try_init();
    Exporting(provider)
}

fn exporter(service: &str, endpoint: &str) -> Option<SdkTracerProvider> {
    let built = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    match built {
        Ok(exporter) => {
            let resource = opentelemetry_sdk::Resource::builder().with_service_name(service.to_owned()).build();
            Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
        }
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the subscriber is not there yet")]
            {
                eprintln!("traces are not exported: {error}");
            }
            None
        }
    }
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

/// Makes a span a child of the trace that a call came with.
pub fn set_parent(span: &tracing::Span, traceparent: &str) {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let [_, trace, parent, _] = parts.as_slice() else { return };
    if let (Ok(trace), Ok(parent)) = (TraceId::from_hex(trace), SpanId::from_hex(parent)) {
        let remote = SpanContext::new(trace, parent, TraceFlags::SAMPLED, true, TraceState::default());
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_trace_is_well_formed() {
        let trace = new_traceparent();
        assert_eq!(trace.len(), 55);
        assert_eq!(trace_id(&trace).len(), 32);
        assert_ne!(new_traceparent(), trace);
    }
}
