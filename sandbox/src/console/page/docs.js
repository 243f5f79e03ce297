// The page /_sandbox/docs: the contract, and each request of it to try against this sandbox.
const ui = SwaggerUIBundle({
    url: "/_sandbox/openapi.yaml",
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "list",
    displayRequestDuration: true,
    tryItOutEnabled: true,
    // Nobody else is asked whether the document is valid.
    validatorUrl: "none",
    // The key that the sandbox takes unless it was started with others.
    onComplete: () => ui.preauthorizeApiKey("key", "test_sk_sandbox"),
});
