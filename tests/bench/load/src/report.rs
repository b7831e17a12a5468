//! Medians over rounds as markdown.

use std::fmt::Write;

use crate::Sample;

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

fn unique<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut seen, v| {
        if !seen.contains(&v) {
            seen.push(v);
        }
        seen
    })
}

pub fn markdown(samples: &[Sample], baseline: Option<&str>, subject: Option<&str>) -> String {
    let mut out = String::new();
    for concurrency in unique(samples.iter().map(|s| s.concurrency)) {
        let here: Vec<&Sample> = samples.iter().filter(|s| s.concurrency == concurrency).collect();
        let of =
            |name: &str, field: fn(&Sample) -> f64| median(here.iter().filter(|s| s.target == name).map(|s| field(s)));
        // Added time is paired within a round: what the noise did to both cancels.
        let added = |name: &str, field: fn(&Sample) -> f64| {
            median(here.iter().filter(|s| s.target == name).filter_map(|s| {
                let base = here.iter().find(|b| Some(b.target.as_str()) == baseline && b.round == s.round)?;
                Some(field(s) - field(base))
            }))
        };
        let shared = unique(here.iter().flat_map(|s| s.shared_cpu_ms.keys()));
        let rounds = here.iter().map(|s| s.round).max().unwrap_or(0) + 1;
        let _ = writeln!(out, "\n### Concurrency {concurrency} (medians of {rounds} interleaved rounds)\n");
        let _ = write!(
            out,
            "| target | turns/s (min–max) | × floor | TTFT p50 / p95 / p99 ms | added TTFT p50 ms | total p50 / p99 ms | CPU ms/turn |"
        );
        shared.iter().for_each(|name| {
            let _ = write!(out, " {name} CPU |");
        });
        let _ = writeln!(out, " load CPU | RSS before / peak MiB | errors |");
        let _ = writeln!(out, "|---|{}", "---:|".repeat(9 + shared.len()));
        let names = unique(here.iter().map(|s| s.target.as_str()));
        for name in &names {
            let rps: Vec<f64> = here.iter().filter(|s| s.target == *name).map(|s| s.rps).collect();
            let (low, high) = rps.iter().fold((f64::MAX, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
            let floor = baseline.map_or(f64::NAN, |b| of(name, |s| s.rps) / of(b, |s| s.rps));
            let errors: u64 = here.iter().filter(|s| s.target == *name).map(|s| s.errors).sum();
            let _ = write!(
                out,
                "| {name} | {:.1} ({low:.1}–{high:.1}) | {floor:.3} | {:.2} / {:.2} / {:.2} | {:.2} | {:.2} / {:.2} | {:.3} |",
                of(name, |s| s.rps),
                of(name, |s| s.ttft_p50),
                of(name, |s| s.ttft_p95),
                of(name, |s| s.ttft_p99),
                added(name, |s| s.ttft_p50),
                of(name, |s| s.total_p50),
                of(name, |s| s.total_p99),
                of(name, |s| s.cpu_ms),
            );
            for key in &shared {
                let each = median(
                    here.iter().filter(|s| s.target == *name).filter_map(|s| s.shared_cpu_ms.get(*key).copied()),
                );
                let _ = write!(out, " {each:.3} |");
            }
            let _ = writeln!(
                out,
                " {:.3} | {:.0} / {:.0} | {errors} |",
                of(name, |s| s.load_cpu_ms),
                of(name, |s| s.rss_before),
                of(name, |s| s.rss_peak)
            );
        }
        let Some(subject) = subject.filter(|s| names.contains(s)) else { continue };
        let _ = writeln!(
            out,
            "\n| {subject} against | added TTFT, peer ÷ {subject} | turns/s, {subject} ÷ peer | CPU, peer ÷ {subject} | peak RSS, peer ÷ {subject} |\n|---|---:|---:|---:|---:|"
        );
        for name in names.iter().filter(|n| **n != subject && Some(**n) != baseline) {
            let _ = writeln!(
                out,
                "| {name} | {:.2} | {:.2} | {:.2} | {:.2} |",
                added(name, |s| s.ttft_p50) / added(subject, |s| s.ttft_p50),
                of(subject, |s| s.rps) / of(name, |s| s.rps),
                of(name, |s| s.cpu_ms) / of(subject, |s| s.cpu_ms),
                of(name, |s| s.rss_peak) / of(subject, |s| s.rss_peak),
            );
        }
    }
    out
}
