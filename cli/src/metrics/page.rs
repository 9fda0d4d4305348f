//! What is as it is at the moment of a scrape.

use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

/// Values gathered for one scrape. Made anew for each, so that what is no longer so is no longer told.
#[derive(Debug, Default)]
pub(super) struct Page(Registry);

impl Page {
    /// A value without labels.
    pub fn gauge(&self, name: &str, help: &str, value: f64) -> Result<(), prometheus::Error> {
        let made = GaugeVec::new(Opts::new(name, help), &[])?;
        made.get_metric_with_label_values::<&str>(&[])?.set(value);
        self.0.register(Box::new(made))
    }

    /// Whether something is so: 1 or 0.
    pub fn whether(&self, name: &str, help: &str, so: bool) -> Result<(), prometheus::Error> {
        self.gauge(name, help, if so { 1.0 } else { 0.0 })
    }

    /// A value for each value of one label.
    pub fn gauges<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        rows: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<(), prometheus::Error> {
        let made = GaugeVec::new(Opts::new(name, help), &[label])?;
        for (value_of, value) in rows {
            made.get_metric_with_label_values(&[value_of])?.set(value);
        }
        self.0.register(Box::new(made))
    }

    /// How often something happened since the start, for each value of one label.
    pub fn counters<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        rows: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> Result<(), prometheus::Error> {
        let made = IntCounterVec::new(Opts::new(name, help), &[label])?;
        for (value_of, value) in rows {
            made.get_metric_with_label_values(&[value_of])?
                .inc_by(value);
        }
        self.0.register(Box::new(made))
    }

    pub fn families(&self) -> Vec<MetricFamily> {
        self.0.gather()
    }
}
