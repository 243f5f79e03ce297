//! Repeats what DynamoDB refused because a transaction was under way on the same item, and
//! transactions that it cancelled because it is busy. Nothing was written then. The SDK repeats other
//! refusals by itself, but not these.

use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::CancellationReason;
use aws_smithy_runtime_api::client::interceptors::context::{Error, InterceptorContext};

/// Tells the SDK to repeat what met a transaction.
#[derive(Debug)]
pub(super) struct Conflicts;

impl ClassifyRetry for Conflicts {
    fn classify_retry(&self, attempt: &InterceptorContext) -> RetryAction {
        let outcome = attempt.output_or_error();
        let error = outcome.and_then(|it| it.err()).and_then(|it| it.as_operation_error());
        match error.is_some_and(met_transaction) {
            true => RetryAction::throttling_error(),
            false => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "transaction conflicts"
    }
}

fn met_transaction(error: &Error) -> bool {
    let update =
        error.downcast_ref().is_some_and(UpdateItemError::is_transaction_conflict_exception);
    let put = error.downcast_ref().is_some_and(PutItemError::is_transaction_conflict_exception);
    let delete =
        error.downcast_ref().is_some_and(DeleteItemError::is_transaction_conflict_exception);
    update || put || delete || may_be_repeated(error)
}

/// The reasons of a cancellation after which the same transaction may succeed a moment later.
const PASSING: [&str; 3] =
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// Whether a transaction was cancelled by another one or by throttling, and by nothing else.
fn may_be_repeated(error: &Error) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.downcast_ref()
    else {
        return false;
    };
    let reasons = cancelled.cancellation_reasons().iter().filter_map(CancellationReason::code);
    let mut causes = reasons.filter(|code| *code != "None").peekable();
    causes.peek().is_some() && causes.all(|code| PASSING.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
    use http::{HeaderMap, StatusCode};
    use reqwest::Request;
    use serde_json::{Value, json};

    use crate::platform::aws::dynamodb;
    use crate::platform::config::Vars;
    use crate::platform::environment::Environment;
    use crate::platform::http::{Answer, Exchange, Http, Transport};

    /// DynamoDB, which refuses the first call so, and takes the next.
    struct Busy {
        refusal: Value,
        calls: AtomicUsize,
    }

    impl Transport for Busy {
        fn exchange(&self, _: Request) -> Exchange<'_> {
            let is_first = self.calls.fetch_add(1, Ordering::Relaxed) == 0;
            let (status, body) = match is_first {
                true => (StatusCode::BAD_REQUEST, self.refusal.to_string()),
                false => (StatusCode::OK, "{}".to_owned()),
            };
            let answer = Answer { status, headers: HeaderMap::new(), body: body.into_bytes() };
            Box::pin(async move { Ok(answer) })
        }
    }

    fn client(refusal: Value) -> (Arc<Busy>, aws_sdk_dynamodb::Client) {
        let busy = Arc::new(Busy { refusal, calls: AtomicUsize::new(0) });
        let environment =
            Environment { http: Http::in_process(busy.clone()), ..Environment::real() };
        let vars = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
            .map(|name| (name.to_owned(), "test".to_owned()));
        let vars: Vars = vars.into_iter().collect();
        (busy, dynamodb(&vars, &environment).unwrap())
    }

    fn cancelled(codes: &[&str]) -> Value {
        let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
        json!({ "__type": "TransactionCanceledException", "CancellationReasons": reasons })
    }

    async fn transacted(refusal: Value) -> (bool, usize) {
        let (busy, client) = client(refusal);
        let delete = Delete::builder().table_name("Table").key("pk", AttributeValue::S("1".into()));
        let delete = TransactWriteItem::builder().delete(delete.build().unwrap()).build();
        let sent = client.transact_write_items().transact_items(delete).send().await;
        (sent.is_ok(), busy.calls.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_meets_a_transaction_is_repeated() {
        let conflict = json!({ "__type": "TransactionConflictException", "message": "busy" });
        let key = || AttributeValue::S("1".to_owned());
        let (busy, client) = client(conflict.clone());
        client.update_item().table_name("Table").key("pk", key()).send().await.unwrap();
        assert_eq!(busy.calls.load(Ordering::Relaxed), 2);
        let (_, client) = self::client(conflict.clone());
        client.put_item().table_name("Table").item("pk", key()).send().await.unwrap();
        let (_, client) = self::client(conflict);
        client.delete_item().table_name("Table").key("pk", key()).send().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_is_repeated_only_if_what_cancelled_it_may_pass() {
        assert_eq!(transacted(cancelled(&["TransactionConflict"])).await, (true, 2));
        assert_eq!(transacted(cancelled(&["None", "TransactionConflict"])).await, (true, 2));
        for busy in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert_eq!(transacted(cancelled(&["None", busy])).await, (true, 2), "{busy}");
            let both = cancelled(&["TransactionConflict", busy]);
            assert_eq!(transacted(both).await, (true, 2), "{busy}");
            let both = cancelled(&[busy, "ConditionalCheckFailed"]);
            assert_eq!(transacted(both).await, (false, 1), "{busy}");
        }
        let both = cancelled(&["TransactionConflict", "ConditionalCheckFailed"]);
        assert_eq!(transacted(both).await, (false, 1));
        assert_eq!(transacted(cancelled(&["ConditionalCheckFailed"])).await, (false, 1));
        assert_eq!(transacted(cancelled(&["None"])).await, (false, 1));
        assert_eq!(transacted(cancelled(&[])).await, (false, 1));
    }
}
