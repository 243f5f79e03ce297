//! A report as people and their programs read it.

use serde_json::{Map, Value, json};

use super::{Report, Tally};

/// The columns of the table, in their order: fields of a [`Tally`]. What happened to orders of earlier
/// days is no column, because it is a list.
const COLUMNS: [&str; 20] = [
    "orders",
    "face_kobo",
    "delivered",
    "delivered_kobo",
    "cost_kobo",
    "cost_unknown",
    "commission_kobo",
    "failed",
    "reversed",
    "reversed_cost_kobo",
    "refundable_kobo",
    "needs_review",
    "answered",
    "answered_in_30_s",
    "answered_in_24_h",
    "longest_answer_ms",
    "open",
    "open_kobo",
    "reconciled",
    "contradicted",
];
/// The service id of the last row.
const TOTAL: &str = "total";

impl Report {
    /// The report as JSON: a list of services, and all of them together.
    pub fn view(&self) -> Value {
        let services = self.services.iter().map(|(service, tally)| {
            let mut view = json!({ "service_id": service });
            fields(tally).into_iter().for_each(|(name, value)| view[name] = value);
            view
        });
        let services: Vec<Value> = services.collect();
        json!({ "date": self.date, "services": services, "total": fields(&self.total()),
                "unreadable": self.unreadable })
    }

    /// The report as a table: the names of the columns, a row for each service, and one for all of them.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let title = ["date", "service_id"].iter().chain(&COLUMNS).map(|it| (*it).to_owned());
        let total = self.total();
        let services = self.services.iter().map(|(service, tally)| (service.as_str(), tally));
        let rows = services.chain([(TOTAL, &total)]).map(|(service, tally)| {
            let fields = fields(tally);
            let cells = COLUMNS.iter().map(|name| fields[*name].to_string());
            [self.date.to_string(), service.to_owned()].into_iter().chain(cells).collect()
        });
        std::iter::once(title.collect()).chain(rows).collect()
    }

    /// The table as CSV (RFC 4180). No cell needs quotes.
    pub fn csv(&self) -> String {
        self.rows().iter().map(|row| row.join(",") + "\r\n").collect()
    }
}

/// The fields of a tally. What is absent is null.
fn fields(tally: &Tally) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(tally) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    for (name, absent) in [("oldest_open_at", Value::Null), ("earlier", json!({}))] {
        fields.entry(name).or_insert(absent);
    }
    fields
}
