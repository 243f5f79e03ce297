//! The `send-webhook` function's binary.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::queue_function::Error> {
    shared::lambda::queue_function::run::<send_webhook::SendWebhook>().await
}
