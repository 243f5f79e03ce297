// A small shop that sells airtime through the telco gateway. Go 1.19 or later, standard library only.
//
//	shop serve [PORT]           runs the shop: webhooks at /hooks, on port 3000 unless given
//	shop buy                    makes the running shop buy ORDER_ID, see below
//	shop refunds                prints the purchase of each refund, one on a line
//	shop link PHONE PROVIDER    asks a customer for access, and prints the identity
//
// `serve` reads WEBHOOK_SECRET (whsec_...) and SHOP_BOOKS, the folder that keeps the refunds. `buy` reads
// ORDER_ID, SERVICE_ID, PHONE, AMOUNT_KOBO, GATEWAY_URL and GATEWAY_KEY, as `rehearse` sets them.
//
// Three rules keep its money safe. It repeats a request under the same Idempotency-Key. It believes no
// webhook that it cannot verify. It refunds only what the gateway itself says is safe to refund, once.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	toleranceSeconds = 300
	tries            = 5
)

// Gateway is the telco gateway.
type Gateway struct{ url, key string }

// Answer is an answer of the gateway: its status, its JSON, and what the shop reads of that.
type Answer struct {
	status int
	text   []byte
	ID     string
	Data   *struct {
		PurchaseID   string `json:"purchase_id"`
		State        string
		SafeToRefund bool   `json:"safe_to_refund"`
		SessionID    string `json:"session_id"`
		Code         string
	}
}

// A call to the gateway. A connection that fails and an answer that cannot be read are a 503.
func (gateway Gateway) call(method, path string, body any, headers ...string) (answer Answer) {
	answer.status = 503
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	request, err := http.NewRequest(method, gateway.url+path, bytes.NewReader(text))
	if err != nil {
		return answer
	}
	request.Header.Set("mono-sec-key", gateway.key)
	request.Header.Set("content-type", "application/json")
	for at := 0; at < len(headers); at += 2 {
		request.Header.Set(headers[at], headers[at+1])
	}
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return answer
	}
	defer response.Body.Close()
	answer.text, err = io.ReadAll(response.Body)
	if err == nil && json.Unmarshal(answer.text, &answer) == nil {
		answer.status = response.StatusCode
	}
	return answer
}

// Buys. The order's id is the Idempotency-Key, so a repeat never buys twice.
func (gateway Gateway) buy(orderID string, order any) Answer {
	for attempt := 0; ; attempt++ {
		answer := gateway.call("POST", "/purchases", order, "idempotency-key", orderID)
		isClear := answer.status < 500 && answer.status != 429
		if isClear || attempt+1 == tries {
			return answer
		}
		time.Sleep(50 * time.Millisecond << attempt)
	}
}

// Whether a webhook comes from the gateway, by Standard Webhooks.
func isTrue(key []byte, header http.Header, body []byte, now int64) bool {
	timestamp, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil || timestamp < now-toleranceSeconds || timestamp > now+toleranceSeconds {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", header.Get("webhook-id"), timestamp, body)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	// During a rotation there are several signatures. One that verifies is enough.
	for _, signature := range strings.Split(header.Get("webhook-signature"), " ") {
		if hmac.Equal(expected, []byte(signature)) {
			return true
		}
	}
	return false
}

// Shop is the running shop.
type Shop struct {
	key     []byte
	books   string // A folder with a file for each refund, named by its purchase.
	handled sync.Map
	gateway atomic.Pointer[Gateway]
}

// Gives the money back, once: a file is made only once, also after a restart. A real shop has a database
// with unique keys, and tells its payment provider here.
func (shop *Shop) refund(purchaseID string) error {
	path := filepath.Join(shop.books, filepath.Base(purchaseID))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

// Handles a webhook, and gives the status to answer with.
func (shop *Shop) receive(header http.Header, body []byte) int {
	if !isTrue(shop.key, header, body, time.Now().Unix()) {
		return 401
	}
	id := header.Get("webhook-id")
	if _, isHandled := shop.handled.Load(id); isHandled {
		return 200
	}
	var event struct {
		Type string
		Data struct {
			PurchaseID string `json:"purchase_id"`
		}
	}
	if json.Unmarshal(body, &event) != nil {
		return 400
	}
	if strings.HasPrefix(event.Type, "purchase.") {
		// The webhook may be old. What counts is what the gateway says now.
		gateway := shop.gateway.Load()
		if gateway == nil {
			return 503
		}
		answer := gateway.call("GET", "/purchases/"+event.Data.PurchaseID, nil)
		if answer.status != 200 || answer.Data == nil {
			return 503 // It comes again.
		}
		if answer.Data.SafeToRefund && shop.refund(answer.Data.PurchaseID) != nil {
			return 503
		}
	}
	shop.handled.Store(id, true)
	return 200
}

// Buys, and gives the status to answer with and what became of the order.
func (shop *Shop) buy(body []byte) (int, string) {
	var order map[string]string
	err := json.Unmarshal(body, &order)
	amount, notNumber := strconv.ParseInt(order["amount_kobo"], 10, 64)
	if err != nil || notNumber != nil {
		return 400, ""
	}
	gateway := Gateway{order["gateway_url"], order["gateway_key"]}
	shop.gateway.Store(&gateway)
	answer := gateway.buy(order["order_id"], map[string]any{
		"service_id": order["service_id"], "phone": order["phone"], "amount_kobo": amount,
	})
	if answer.Data == nil {
		return 200, strconv.Itoa(answer.status)
	}
	// Pending is neither delivered nor failed: a webhook tells the end.
	return 200, answer.Data.State
}

func (shop *Shop) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	status, text := 404, ""
	body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, 1<<20))
	switch route := request.Method + " " + request.URL.Path; {
	case err != nil:
		status = 400
	case route == "POST /hooks":
		status = shop.receive(request.Header, body)
	case route == "POST /buy":
		status, text = shop.buy(body)
	case route == "GET /refunds":
		status = 200
		files, _ := os.ReadDir(shop.books)
		for _, file := range files {
			text += file.Name() + "\n"
		}
	}
	writer.WriteHeader(status)
	io.WriteString(writer, text)
}

func serve(port string) error {
	secret := os.Getenv("WEBHOOK_SECRET")
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if !strings.HasPrefix(secret, "whsec_") || err != nil || len(key) == 0 {
		return errors.New("WEBHOOK_SECRET is missing, or is not whsec_ and Base64")
	}
	// Without SHOP_BOOKS the refunds are kept apart from those of every other run.
	fresh := filepath.Join(os.TempDir(), fmt.Sprint("shop-", time.Now().UnixNano()))
	books := orElse(os.Getenv("SHOP_BOOKS"), fresh)
	if err := os.MkdirAll(books, 0o700); err != nil {
		return err
	}
	shop := &Shop{key: key, books: books}
	server := http.Server{Addr: "127.0.0.1:" + port, Handler: shop, ReadTimeout: 30 * time.Second}
	return server.ListenAndServe()
}

// Asks a customer for access to an account: OTP, code, account id, identity.
func link(gateway Gateway, phone, provider string) Answer {
	customer := map[string]string{"phone": phone, "provider": provider}
	begun := gateway.call("POST", "/v2/telecom/auth", customer)
	if begun.status != 200 || begun.Data == nil {
		return begun
	}
	var otp string
	fmt.Printf("The OTP that %s received: ", phone)
	fmt.Scanln(&otp)
	proof, session := map[string]string{"otp": otp}, begun.Data.SessionID
	proven := gateway.call("POST", "/v2/telecom/verify", proof, "x-session-id", session)
	if proven.status != 200 || proven.Data == nil {
		return proven
	}
	account := gateway.call("POST", "/account/auth", map[string]string{"code": proven.Data.Code})
	if account.status != 200 {
		return account
	}
	return gateway.call("GET", "/accounts/"+account.ID+"/identity", nil)
}

// Prints what the running shop answered.
func show(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return errors.New("the running shop answered " + response.Status)
	}
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func run(command, first, second string) error {
	running := "http://127.0.0.1:" + orElse(os.Getenv("SHOP_PORT"), "3000")
	switch command {
	case "serve":
		return serve(orElse(first, "3000"))
	case "buy":
		order := map[string]string{}
		names := "order_id gateway_url gateway_key service_id phone amount_kobo"
		for _, name := range strings.Fields(names) {
			order[name] = os.Getenv(strings.ToUpper(name))
		}
		body, _ := json.Marshal(order)
		return show(http.Post(running+"/buy", "application/json", bytes.NewReader(body)))
	case "refunds":
		return show(http.Get(running + "/refunds"))
	case "link":
		gateway := Gateway{os.Getenv("GATEWAY_URL"), os.Getenv("GATEWAY_KEY")}
		var pretty bytes.Buffer
		if json.Indent(&pretty, link(gateway, first, second).text, "", "  ") != nil {
			return errors.New("the gateway gave no answer")
		}
		fmt.Println(pretty.String())
		return nil
	}
	return errors.New("usage: shop serve [PORT] | buy | refunds | link PHONE PROVIDER")
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func main() {
	arguments := append(os.Args[1:], "", "", "")
	if err := run(arguments[0], arguments[1], arguments[2]); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}
