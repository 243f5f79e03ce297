//! The main flows of the gateway with a client that oas3-gen makes from openapi.yaml, in `src/gateway`,
//! against a sandbox: GATEWAY_URL. `.ci/clients` says how the client is made.

mod gateway;

use std::time::Duration;

use gateway::*;

/// Takes the value out of an answer, which must have this status.
macro_rules! answered {
    ($status:ident, $answer:expr) => {
        match $answer.await? {
            ApiResponse::$status(value) => value,
            other => anyhow::bail!("not {}: {other:?}", stringify!($status)),
        }
    };
}

const PHONE: &str = "08031234567";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("GATEWAY_URL").unwrap_or_else(|_| "http://127.0.0.1:9000".to_owned());
    let gateway = TelcoGatewayClient::with_base_url(&url)?.with_key("test_sk_sandbox");
    let id = consent(&gateway, &url).await?;
    read(&gateway, &id).await?;
    ask_mtn(&gateway, &id).await?;
    let purchase_id = purchases(&gateway).await?;
    events(&gateway, &purchase_id).await?;
    webhooks(&gateway).await?;
    errors(&gateway, &TelcoGatewayClient::with_base_url(&url)?).await?;
    println!("the client in Rust did every flow");
    Ok(())
}

/// Links the customer's line, and returns the account id.
async fn consent(gateway: &TelcoGatewayClient, url: &str) -> anyhow::Result<String> {
    let consent = ConsentTerms { purpose: Some("loan decision".to_owned()), ..Default::default() };
    let order =
        OtpOrder { phone: PHONE.to_owned(), provider: Network::Mtn, consent: Some(consent) };
    let session = answered!(Ok, gateway.send_otp(SendOtpRequest { body: order }));
    // Here the customer reads the message. The sandbox shows it.
    let messages = reqwest::get(format!("{url}/_sandbox/otps")).await?;
    let messages: serde_json::Value = messages.json().await?;
    let otp = messages[0]["otp"].as_str().unwrap_or_default().to_owned();
    let header = VerifyOtpRequestHeader { x_session_id: session.data.session_id };
    let proof = VerifyOtpRequest { header, body: OtpRequestBody { otp } };
    let code = answered!(Ok, gateway.verify_otp(proof)).data.code;
    let code = ExchangeCodeRequest { body: CodeRequestBody { code } };
    Ok(answered!(Ok, gateway.exchange_code(code)).id)
}

/// Reads what Mono knows about the account.
async fn read(gateway: &TelcoGatewayClient, id: &str) -> anyhow::Result<()> {
    let path = GetAccountRequestPath { id: id.to_owned() };
    let account = GetAccountRequest { path, ..Default::default() };
    let account = answered!(Ok, gateway.get_account(account)).body.account;
    let number = account.and_then(|it| it.account_number);
    assert_eq!(number.as_deref(), Some("+2348031234567"));

    let path = GetBalancesRequestPath { id: id.to_owned() };
    let balances = GetBalancesRequest { path, ..Default::default() };
    let balances = answered!(Ok, gateway.get_balances(balances)).body;
    assert!(matches!(balances, MonoBalances::Array(list) if !list.is_empty()));

    let path = ListTransactionsRequestPath { id: id.to_owned() };
    let query = ListTransactionsRequestQuery { limit: Some(2), ..Default::default() };
    let page = ListTransactionsRequest { path, query, ..Default::default() };
    let page = answered!(Ok, gateway.list_transactions(page)).body;
    assert_eq!(page.paging.and_then(|it| it.total), Some(3));
    assert!(matches!(page.data, Some(MonoTransactionsData::Array(list)) if list.len() == 2));

    let path = GetConsentRequestPath { id: id.to_owned() };
    let record = answered!(Ok, gateway.get_consent(GetConsentRequest { path })).data;
    let purpose = record.consent.and_then(|it| it.purpose);
    assert_eq!(purpose.as_deref(), Some("loan decision"));
    Ok(())
}

/// Asks MTN itself: one answer comes at once, one later.
async fn ask_mtn(gateway: &TelcoGatewayClient, id: &str) -> anyhow::Result<()> {
    let path = GetMtnBalanceRequestPath { id: id.to_owned() };
    let balance = GetMtnBalanceRequest { path, ..Default::default() };
    let balance = answered!(Ok, gateway.get_mtn_balance(balance)).body;
    let MtnBalanceAnswerOrMtnRequestAnswer::MtnBalanceAnswer(balance) = balance else {
        anyhow::bail!("no balance: {balance:?}");
    };
    assert!(balance.recognised && balance.data.main_balance.is_some());

    let path = ListMtnRechargesRequestPath { id: id.to_owned() };
    let recharges = ListMtnRechargesRequest { path, ..Default::default() };
    let recharges = answered!(Accepted, gateway.list_mtn_recharges(recharges)).body;
    let MtnRechargesAnswerOrMtnRequestAnswer::MtnRequestAnswer(later) = recharges else {
        anyhow::bail!("no deferred request: {recharges:?}");
    };
    assert_eq!(later.data.state, MtnRequestState::Waiting);

    let path = GetRequestRequestPath { request_id: later.data.request_id };
    let header = GetRequestRequestHeader { prefer: Some("wait=10".to_owned()) };
    let later = answered!(Ok, gateway.get_request(GetRequestRequest { path, header })).body.data;
    assert_eq!(later.state, MtnRequestState::Available);
    assert_eq!(later.operation, MtnRequestOperation::Recharges);
    assert!(later.result["usage"].is_array());
    Ok(())
}

/// An order for airtime.
fn order(phone: Recipient, key: &str) -> BuyRequest {
    let service_id = AirtimeService::Mtn;
    let order =
        AirtimeOrder { service_id, phone: phone.into(), amount_kobo: 10_000, ..Default::default() };
    let header = BuyRequestHeader { idempotency_key: key.to_owned() };
    BuyRequest { header, body: Order::AirtimeOrder(order) }
}

/// Buys airtime that is delivered at once, and airtime that is delivered later.
async fn purchases(gateway: &TelcoGatewayClient) -> anyhow::Result<String> {
    let path = ListVariationsRequestPath { service_id: DataService::EtisalatData };
    let catalogue = answered!(Ok, gateway.list_variations(ListVariationsRequest { path })).data;
    assert!(catalogue.on_sale && catalogue.variations[0].fixed_price);

    let delivered = order(Recipient::Other("08011111111".to_owned()), "order-1");
    let delivered = answered!(Created, gateway.buy(delivered)).data;
    assert_eq!(delivered.state, PurchaseState::Delivered);
    assert!(!delivered.safe_to_refund);
    let parts = delivered.cost_kobo.zip(delivered.commission_kobo);
    assert_eq!(parts.map(|(cost, commission)| cost + commission), delivered.amount_kobo);

    let pending = answered!(Accepted, gateway.buy(order(Recipient::T201000000000, "order-2"))).data;
    assert_eq!(pending.state, PurchaseState::Pending);
    let path = GetPurchaseRequestPath { purchase_id: pending.purchase_id };
    let found = answered!(Ok, gateway.get_purchase(GetPurchaseRequest { path })).data;
    let actions = found.history.iter().flatten().map(|line| line.action.clone());
    let expected = [PurchaseHistoryLineAction::Recorded, PurchaseHistoryLineAction::Sent];
    assert_eq!(actions.collect::<Vec<_>>(), expected);

    for _ in 0..100 {
        let state = Some(PurchaseState::Delivered);
        let query = ListPurchasesRequestQuery { state, limit: Some(10), ..Default::default() };
        let list = answered!(Ok, gateway.list_purchases(ListPurchasesRequest { query }));
        assert_eq!(list.paging.next, None);
        if list.data.iter().any(|one| one.purchase_id == delivered.purchase_id) {
            return Ok(delivered.purchase_id);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the purchase is not in the list after 10 s")
}

/// Reads the event that tells of the purchase.
async fn events(gateway: &TelcoGatewayClient, purchase_id: &str) -> anyhow::Result<()> {
    for _ in 0..100 {
        let kind = Some(EventType::PurchaseDelivered);
        let query = ListEventsRequestQuery { r#type: kind, ..Default::default() };
        let list = answered!(Ok, gateway.list_events(ListEventsRequest { query }));
        let tells = |data: &EventData| matches!(data, EventData::Purchase(one) if one.purchase_id == purchase_id);
        if list.data.iter().any(|event| tells(&event.data)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("no event within 10 s")
}

/// Adds, lists and removes a webhook endpoint.
async fn webhooks(gateway: &TelcoGatewayClient) -> anyhow::Result<()> {
    let body = WebhookEndpointBody {
        url: "http://127.0.0.1:3000/hooks".to_owned(),
        events: Some(vec![EventType::PurchaseFailed]),
        signature: Some(WebhookSignature::V1),
    };
    let made = MakeWebhookEndpointRequest { body };
    let made = answered!(Created, gateway.make_webhook_endpoint(made)).data;
    assert!(made.secret.is_some_and(|secret| secret.starts_with("whsec_")));
    let list = ListWebhookEndpointsRequest::default();
    let list = answered!(Ok, gateway.list_webhook_endpoints(list)).data;
    assert!(list.iter().map(|one| &one.id).eq([&made.id]));
    assert_eq!(list[0].state, WebhookEndpointState::Enabled);
    let path = RemoveWebhookEndpointRequestPath { endpoint_id: made.id };
    let removed = RemoveWebhookEndpointRequest { path };
    assert!(answered!(Ok, gateway.remove_webhook_endpoint(removed)).data.removed);
    Ok(())
}

/// Errors have types, too.
async fn errors(gateway: &TelcoGatewayClient, stranger: &TelcoGatewayClient) -> anyhow::Result<()> {
    let order = |phone: &str| {
        let body = OtpOrder { phone: phone.to_owned(), provider: Network::Mtn, consent: None };
        SendOtpRequest { body }
    };
    // The client itself knows the pattern of a number, and sends nothing.
    assert!(gateway.send_otp(order("12")).await.is_err());
    let refused = answered!(UnprocessableEntity, gateway.send_otp(order("08030000000"))).body;
    let Auth403ResponseOrErrorOrGatewayMessage::Error(error) = refused else {
        anyhow::bail!("another form: {refused:?}");
    };
    assert_eq!(error.code, ErrorCode::UpstreamRejected);
    assert!(!error.message.is_empty() && !error.request_id.is_empty());
    let unknown = answered!(Unauthorized, stranger.list_events(ListEventsRequest::default())).body;
    let Auth403ResponseOrErrorOrGatewayMessage::GatewayMessage(error) = unknown else {
        anyhow::bail!("another form: {unknown:?}");
    };
    assert_eq!(error.message, "Unauthorized");
    Ok(())
}
