//! The customers of the simulated networks, and the data that Mono has of them.

use serde_json::{Value, json};

/// A person with a phone.
#[derive(Debug)]
pub struct Customer {
    /// The number, `0803…`.
    pub phone: &'static str,
    /// The network the number is on today.
    pub provider: &'static str,
    /// Mono's permanent id of the account.
    pub account_id: &'static str,
    /// The person's name.
    pub name: &'static str,
    /// How many transactions there are; none while Mono still collects the account's data.
    transactions: Option<u32>,
}

/// All customers. Mono refuses any other number.
pub const CUSTOMERS: [Customer; 4] = [
    customer("07082109281", "airtel", "66a0c1d2e3f4a5b6c7d8e901", "ADAEZE CHIOMA OKAFOR", Some(27)),
    customer("08031234567", "mtn", "66a0c1d2e3f4a5b6c7d8e902", "TUNDE BABATUNDE ALABI", Some(3)),
    // A ported number: it has the prefix of another network.
    customer("08091112223", "mtn", "66a0c1d2e3f4a5b6c7d8e903", "HALIMA SANI BELLO", Some(11)),
    customer("08021112223", "airtel", "66a0c1d2e3f4a5b6c7d8e904", "EMEKA JOHN EZE", None),
];

const fn customer(
    phone: &'static str,
    provider: &'static str,
    account_id: &'static str,
    name: &'static str,
    transactions: Option<u32>,
) -> Customer {
    Customer { phone, provider, account_id, name, transactions }
}

impl Customer {
    /// Whether Mono has collected the account's data.
    pub fn is_available(&self) -> bool {
        self.transactions.is_some()
    }

    /// `GET /accounts/{id}`.
    pub fn account(&self) -> Value {
        let data_status = if self.is_available() { "AVAILABLE" } else { "PROCESSING" };
        let institution = if self.provider == "mtn" { "Mtn" } else { "Airtel" };
        json!({
            "meta": { "data_status": data_status, "auth_method": "mobile_banking" },
            "account": {
                "_id": self.account_id,
                "institution": { "name": institution, "type": "PERSONAL_BANKING" },
                "name": self.name,
                "accountNumber": self.international(),
                "type": "telecom_account",
                "balance": 7659,
                "currency": "NGN",
                "bvn": null,
            },
        })
    }

    /// `GET /accounts/{id}/balances`.
    pub fn balances(&self) -> Value {
        let balance = |digit: u32, name: &str, kind: &str, value: Value, unit: &str| {
            let id = format!("{}{digit:02}", &self.account_id[..22]);
            json!({ "_id": id, "name": name, "type": kind, "value": value, "unit": unit })
        };
        json!([
            balance(1, "Main Balance", "currency", json!(7659), "ngn"),
            balance(2, "Roaming Voice", "voice", json!(300), "minutes"),
            balance(3, "Social Bundle", "data", json!(11.15), "gb"),
            balance(4, "Bonus Airtime", "currency", json!(1_550_000), "ngn"),
            balance(5, "Night Bundle", "data", json!(16.39), "gb"),
        ])
    }

    /// `GET /accounts/{id}/identity`.
    pub fn identity(&self) -> Value {
        json!({
            "fullName": self.name,
            "phone": self.international(),
            "gender": "female",
            "bvn": null,
            "dob": "1997-08-07T00:00:00.000Z",
            "created_at": "2024-07-17T11:16:49.632Z",
            "updated_at": "2024-07-17T11:16:49.632Z",
        })
    }

    /// All transactions, newest first. Amounts are in kobo.
    pub fn transactions(&self) -> Vec<Value> {
        let line = |index: u32| {
            let debit = index.is_multiple_of(2);
            json!({
                "_id": format!("{}{index:02}", &self.account_id[..22]),
                "type": if debit { "debit" } else { "credit" },
                "amount": 500_000 - 10_000 * index,
                "narration": if debit { "Monthly data plan" } else { "Airtime top-up" },
                "balance": 7659 + index,
                "date": format!("2024-06-{:02}T16:20:37.000Z", 28 - index),
                "currency": "NGN",
            })
        };
        (0..self.transactions.unwrap_or_default()).map(line).collect()
    }

    fn international(&self) -> String {
        format!("+234{}", &self.phone[1..])
    }
}
