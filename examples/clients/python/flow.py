"""The main flows of the gateway with a client that openapi-python-client makes from openapi.yaml, against a
sandbox: GATEWAY_URL. `.ci/clients` says how the client is made."""

import os
import time
from http import HTTPStatus

import httpx
from gateway import AuthenticatedClient, Client
from gateway.api.account_data import get_account, get_balances, list_transactions
from gateway.api.consent import exchange_code, get_consent, send_otp, verify_otp
from gateway.api.events import list_events
from gateway.api.mtn import get_mtn_balance, get_request, list_mtn_recharges
from gateway.api.purchases import buy, get_purchase, list_purchases, list_variations
from gateway.api.webhooks import (
    list_webhook_endpoints,
    make_webhook_endpoint,
    remove_webhook_endpoint,
)
from gateway.models import (
    AirtimeOrder,
    AirtimeService,
    ConsentTerms,
    DataService,
    Error,
    ErrorCode,
    EventType,
    ExchangeCodeBody,
    GatewayMessage,
    MtnBalanceAnswer,
    MtnRequestAnswer,
    MtnRequestOperation,
    MtnRequestState,
    Network,
    OtpOrder,
    Purchase,
    PurchaseHistoryLineAction,
    PurchaseState,
    VerifyOtpBody,
    WebhookEndpointBody,
    WebhookEndpointState,
    WebhookSignature,
)

URL = os.environ.get("GATEWAY_URL", "http://127.0.0.1:9000")
PHONE = "08031234567"
gateway = AuthenticatedClient(
    base_url=URL, token="test_sk_sandbox", prefix="", auth_header_name="mono-sec-key"
)


def answered(answer, status, form):
    """What was read from an answer that must have this status and form."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    assert isinstance(answer.parsed, form), answer.parsed
    return answer.parsed


def until(ask):
    """Asks again until there is something."""
    for _ in range(100):
        if found := ask():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing came within 10 s")


def consent():
    """Links the customer's line. Returns the account id."""
    order = OtpOrder(PHONE, Network.MTN, ConsentTerms(purpose="loan decision"))
    session = send_otp.sync(client=gateway, body=order).data.session_id
    # Here the customer reads the message. The sandbox shows it.
    otp = httpx.get(f"{URL}/_sandbox/otps").json()[0]["otp"]
    proof = verify_otp.sync(client=gateway, body=VerifyOtpBody(otp), x_session_id=session)
    return exchange_code.sync(client=gateway, body=ExchangeCodeBody(proof.data.code)).id


def read(account_id):
    """Reads what Mono knows about the account."""
    account = get_account.sync(account_id, client=gateway)
    assert account.account.account_number == "+2348031234567"
    balances = get_balances.sync(account_id, client=gateway)
    assert balances[0].name and balances[0].unit
    page = list_transactions.sync(account_id, client=gateway, limit=2)
    assert len(page.data) == 2 and page.data[0].amount > 0
    assert page.paging.total == 3
    record = get_consent.sync(account_id, client=gateway)
    assert record.data.consent.purpose == "loan decision"


def ask_mtn(account_id):
    """Asks MTN itself: one answer comes at once, one later."""
    balance = get_mtn_balance.sync_detailed(account_id, client=gateway)
    balance = answered(balance, HTTPStatus.OK, MtnBalanceAnswer)
    assert balance.recognised and balance.data.main_balance
    recharges = list_mtn_recharges.sync_detailed(account_id, client=gateway)
    later = answered(recharges, HTTPStatus.ACCEPTED, MtnRequestAnswer).data
    assert later.state == MtnRequestState.WAITING
    later = get_request.sync(later.request_id, client=gateway, prefer="wait=10").data
    assert later.state == MtnRequestState.AVAILABLE
    assert later.operation == MtnRequestOperation.RECHARGES
    assert later.result["usage"]


def order(phone, key, status):
    """Buys airtime."""
    body = AirtimeOrder(AirtimeService.MTN, phone, 10_000)
    answer = buy.sync_detailed(client=gateway, body=body, idempotency_key=key)
    assert answer.status_code == status, answer.content
    return answer.parsed.data


def purchases():
    """Buys airtime that is delivered at once, and airtime that is delivered later."""
    catalogue = list_variations.sync(DataService.ETISALAT_DATA, client=gateway).data
    assert catalogue.on_sale and catalogue.variations[0].fixed_price
    delivered = order("08011111111", "order-1", HTTPStatus.CREATED)
    assert delivered.state == PurchaseState.DELIVERED
    assert delivered.safe_to_refund is False
    assert delivered.cost_kobo + delivered.commission_kobo == delivered.amount_kobo
    pending = order("201000000000", "order-2", HTTPStatus.ACCEPTED)
    assert pending.state == PurchaseState.PENDING
    found = get_purchase.sync(pending.purchase_id, client=gateway).data
    actions = [line.action for line in found.history]
    assert actions == [PurchaseHistoryLineAction.RECORDED, PurchaseHistoryLineAction.SENT]

    def listed():
        page = list_purchases.sync(client=gateway, state=PurchaseState.DELIVERED, limit=10)
        assert page.paging.next_ is None
        return delivered.purchase_id in [purchase.purchase_id for purchase in page.data]

    until(listed)
    return delivered.purchase_id


def events(purchase_id):
    """Reads the event that tells of the purchase."""

    def event():
        page = list_events.sync(client=gateway, type_=EventType.PURCHASE_DELIVERED)
        assert all(isinstance(event.data, Purchase) for event in page.data)
        return purchase_id in [event.data.purchase_id for event in page.data]

    until(event)


def webhooks():
    """Adds, lists and removes a webhook endpoint."""
    kinds, signature = [EventType.PURCHASE_FAILED], WebhookSignature.V1
    body = WebhookEndpointBody("http://127.0.0.1:3000/hooks", kinds, signature)
    made = make_webhook_endpoint.sync(client=gateway, body=body).data
    assert made.secret.startswith("whsec_")
    known = list_webhook_endpoints.sync(client=gateway).data
    assert [(one.id, one.state) for one in known] == [(made.id, WebhookEndpointState.ENABLED)]
    assert remove_webhook_endpoint.sync(made.id, client=gateway).data.removed is True


def errors():
    """Errors have types, too."""

    def failure(phone, status, code):
        order = OtpOrder(phone, Network.MTN)
        error = answered(send_otp.sync_detailed(client=gateway, body=order), status, Error)
        assert error.code == code and error.message and error.request_id, error

    failure("12", HTTPStatus.BAD_REQUEST, ErrorCode.INVALID_REQUEST)
    failure("08030000000", HTTPStatus.UNPROCESSABLE_ENTITY, ErrorCode.UPSTREAM_REJECTED)
    unknown = list_events.sync_detailed(client=Client(base_url=URL))
    assert answered(unknown, HTTPStatus.UNAUTHORIZED, GatewayMessage).message == "Unauthorized"


account = consent()
read(account)
ask_mtn(account)
events(purchases())
webhooks()
errors()
print("the client in Python did every flow")
