// Opens the API tester on this server's own OpenAPI document.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true,
  tryItOutEnabled: true, validatorUrl: null });
