//! The customers of the simulated networks, and the data that Mono has of them.

use serde::Serialize;
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
    /// `AVAILABLE` or `PROCESSING`.
    pub data_status: &'static str,
    /// How many transactions there are.
    transactions: u32,
}

/// All customers. Mono refuses any other number.
pub const CUSTOMERS: [Customer; 4] = [
    Customer {
        phone: "07082109281",
        provider: "airtel",
        account_id: "66a0c1d2e3f4a5b6c7d8e901",
        name: "ADAEZE CHIOMA OKAFOR",
        data_status: "AVAILABLE",
        transactions: 27,
    },
    Customer {
        phone: "08031234567",
        provider: "mtn",
        account_id: "66a0c1d2e3f4a5b6c7d8e902",
        name: "TUNDE BABATUNDE ALABI",
        data_status: "AVAILABLE",
        transactions: 3,
    },
    // A ported number: it has the prefix of another network.
    Customer {
        phone: "08091112223",
        provider: "mtn",
        account_id: "66a0c1d2e3f4a5b6c7d8e903",
        name: "HALIMA SANI BELLO",
        data_status: "AVAILABLE",
        transactions: 11,
    },
    Customer {
        phone: "08021112223",
        provider: "airtel",
        account_id: "66a0c1d2e3f4a5b6c7d8e904",
        name: "EMEKA JOHN EZE",
        data_status: "PROCESSING",
        transactions: 0,
    },
];

/// A transaction of an account. Amounts are in kobo.
#[derive(Debug, Serialize)]
pub struct Transaction {
    #[serde(rename = "_id")]
    id: String,
    /// `debit` or `credit`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    amount: u32,
    /// What it was for.
    pub narration: &'static str,
    balance: u32,
    /// When it happened, ISO 8601.
    pub date: String,
    currency: &'static str,
}

impl Customer {
    /// `GET /accounts/{id}`.
    pub fn account(&self) -> Value {
        let institution = if self.provider == "mtn" { "Mtn" } else { "Airtel" };
        json!({
            "meta": { "data_status": self.data_status, "auth_method": "mobile_banking" },
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

    /// All transactions, newest first.
    pub fn transactions(&self) -> Vec<Transaction> {
        let line = |index: u32| {
            let debit = index.is_multiple_of(2);
            Transaction {
                id: format!("{}{index:02}", &self.account_id[..22]),
                kind: if debit { "debit" } else { "credit" },
                amount: 500_000 - 10_000 * index,
                narration: if debit { "Monthly data plan" } else { "Airtime top-up" },
                balance: 7659 + index,
                date: format!("2024-06-{:02}T16:20:37.000Z", 28 - index),
                currency: "NGN",
            }
        };
        (0..self.transactions).map(line).collect()
    }

    fn international(&self) -> String {
        format!("+234{}", &self.phone[1..])
    }
}
