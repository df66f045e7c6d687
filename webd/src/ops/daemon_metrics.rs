//! The daemon's metrics, made from its status.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use protocol::{ServerStatus, StepTimes, WarmCount};

/// The daemon's status; `None` if it does not answer.
#[derive(Debug)]
pub(crate) struct DaemonMetrics(pub(crate) Option<ServerStatus>);

impl Collector for DaemonMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        gauge(&mut encoder, "up", "Whether the daemon answers", i64::from(self.0.is_some()))?;
        let Some(status) = &self.0 else { return Ok(()) };
        gauge(
            &mut encoder,
            "draining",
            "Whether the daemon is stopping and accepts no executions",
            i64::from(status.draining),
        )?;
        gauge(
            &mut encoder,
            "slots",
            "Maximum number of executions that use the CPU concurrently",
            status.slots.into(),
        )?;
        gauge(
            &mut encoder,
            "max_executions",
            "Maximum number of concurrent executions, including those that are idle",
            status.max_executions.into(),
        )?;
        gauge(&mut encoder, "running", "Executions that are running", status.running.into())?;
        gauge(&mut encoder, "idle", "Running executions that sleep or wait for input", status.idle.into())?;
        gauge(&mut encoder, "queued", "Executions that are waiting in the queue", status.queued.into())?;
        gauge(
            &mut encoder,
            "queue_capacity",
            "Maximum number of waiting executions",
            status.queue_capacity.into(),
        )?;
        gauge(
            &mut encoder,
            "free_uids",
            "User ids that are available for executions",
            status.free_uids.into(),
        )?;
        gauge(
            &mut encoder,
            "withheld_uids",
            "User ids in quarantine, because their processes could not be confirmed gone",
            status.quarantined_uids.into(),
        )?;
        let degraded = i64::try_from(status.degraded.len()).unwrap_or(i64::MAX);
        gauge(&mut encoder, "degraded", "Isolation features that this host lacks", degraded)?;
        info(&mut encoder, status)?;
        uptime(&mut encoder, status)?;
        executions(&mut encoder, status)?;
        warm(&mut encoder, &status.warm)?;
        steps(&mut encoder, &status.steps)
    }
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: i64) -> Result<(), Error> {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn info(encoder: &mut DescriptorEncoder, status: &ServerStatus) -> Result<(), Error> {
    let labels = [("version", status.version.as_str()), ("cgroups", status.cgroups.as_str())];
    encoder
        .encode_descriptor("daemon", "Version and cgroup mode of the daemon", None, MetricType::Info)?
        .encode_info(&labels)
}

fn uptime(encoder: &mut DescriptorEncoder, status: &ServerStatus) -> Result<(), Error> {
    let gauge = ConstGauge::new(status.uptime.as_secs_f64());
    let help = "Time since the daemon started";
    gauge.encode(encoder.encode_descriptor("uptime", help, Some(&Unit::Seconds), gauge.metric_type())?)
}

fn executions(encoder: &mut DescriptorEncoder, status: &ServerStatus) -> Result<(), Error> {
    if status.executions.is_empty() {
        return Ok(());
    }
    let help = "Finished executions by language and outcome";
    let mut family = encoder.encode_descriptor("executions", help, None, MetricType::Counter)?;
    for count in &status.executions {
        let labels = [("language", count.language.as_str()), ("outcome", count.result.as_str())];
        ConstCounter::new(count.count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn warm(encoder: &mut DescriptorEncoder, counts: &[WarmCount]) -> Result<(), Error> {
    if counts.is_empty() {
        return Ok(());
    }
    let help = "Pre-warmed sandboxes that are ready";
    let mut family = encoder.encode_descriptor("prepared_ready", help, None, MetricType::Gauge)?;
    for count in counts {
        let labels = [("language", count.language.as_str()), ("stage", count.stage.as_str())];
        ConstGauge::new(i64::from(count.ready)).encode(family.encode_family(&labels)?)?;
    }
    let help = "Executions that found a pre-warmed sandbox (hit) or none (miss)";
    let mut family = encoder.encode_descriptor("prepared_taken", help, None, MetricType::Counter)?;
    for count in counts {
        for (result, number) in [("hit", count.hits), ("miss", count.misses)] {
            let (language, stage) = (count.language.as_str(), count.stage.as_str());
            let labels = [("language", language), ("stage", stage), ("result", result)];
            ConstCounter::new(number).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn steps(encoder: &mut DescriptorEncoder, steps: &[StepTimes]) -> Result<(), Error> {
    if steps.is_empty() {
        return Ok(());
    }
    let bounds: Vec<f64> =
        StepTimes::BOUNDS.iter().map(std::time::Duration::as_secs_f64).chain([f64::INFINITY]).collect();
    let (help, unit) = ("Duration of each step of an execution", Some(&Unit::Seconds));
    let mut family = encoder.encode_descriptor("step_duration", help, unit, MetricType::Histogram)?;
    for step in steps {
        let buckets: Vec<(f64, u64)> = bounds
            .iter()
            .enumerate()
            .map(|(i, &bound)| (bound, step.buckets.get(i).copied().unwrap_or(0)))
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let labels = [("step", step.step.as_str())];
        encode_histogram(&mut family, &labels, step.total.as_secs_f64(), count, &buckets)?;
    }
    Ok(())
}

fn encode_histogram(
    family: &mut prometheus_client::encoding::MetricEncoder,
    labels: &impl EncodeLabelSet,
    sum: f64,
    count: u64,
    buckets: &[(f64, u64)],
) -> Result<(), Error> {
    family.encode_family(labels)?.encode_histogram::<NoLabelSet>(sum, count, buckets, None)
}
