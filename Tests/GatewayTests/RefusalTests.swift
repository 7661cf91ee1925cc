import Testing

@Suite("Requests that are refused")
struct RefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let request: String
        let status: Int
        let says: String
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "unknown model", request: TestGateway.post(model: "hit"), status: 404,
            says: "Nearest names: 'hot'. Configured models: cold, hot."),
        Case(
            name: "not JSON", request: TestGateway.post(body: "{\"model\":\"hot\""), status: 400, says: "not valid JSON"
        ),
        Case(name: "empty", request: TestGateway.post(body: ""), status: 400, says: "no body and names no model"),
        Case(
            name: "unknown model in the query", request: TestGateway.post("/classify?model=hit", body: ""), status: 404,
            says: "Nearest names: 'hot'"),
        Case(name: "no object", request: TestGateway.post(body: "[\"hot\"]"), status: 400, says: "a JSON object"),
        Case(name: "no model", request: TestGateway.post(body: "{}"), status: 400, says: "names no model"),
        Case(
            name: "nested model", request: TestGateway.post(body: "{\"a\":{\"model\":\"hot\"}}"), status: 400,
            says: "names no model"),
        Case(name: "number as model", request: TestGateway.post(body: "{\"model\":1}"), status: 400, says: "a string"),
        Case(
            name: "two models", request: TestGateway.post(body: "{\"model\":\"hot\",\"model\":\"cold\"}"), status: 400,
            says: "twice"),
        Case(
            name: "text as body", request: TestGateway.post(body: "{\"model\":\"hot\"}", type: "text/plain"),
            status: 415,
            says: "application/json"),
        Case(
            name: "form where none belongs",
            request: TestGateway.post(body: "--X--", type: "multipart/form-data; boundary=X"), status: 415,
            says: "application/json"),
        Case(
            name: "text for management", request: TestGateway.post("/models/hot/load", body: "x", type: "text/plain"),
            status: 415, says: "application/json"),
        Case(name: "wrong method", request: TestGateway.get("/v1/completions"), status: 405, says: "use POST"),
        Case(name: "not served", request: TestGateway.post("/v1/load_lora_adapter"), status: 404, says: "not served"),
        Case(name: "not quite served", request: TestGateway.post("/v1/audio/../x"), status: 404, says: "not served"),
        Case(
            name: "another host", request: TestGateway.get("/health", headers: "Host: evil.example\r\n"), status: 403,
            says: "Host header"),
        Case(name: "no host", request: TestGateway.get("/health", headers: ""), status: 403, says: "Host header"),
        Case(
            name: "two hosts", request: TestGateway.get("/health", headers: "Host: localhost\r\nHost: localhost\r\n"),
            status: 403, says: "Host header"),
        Case(
            name: "a page's POST", request: TestGateway.post(headers: "Origin: http://evil.example\r\n"), status: 403,
            says: "web page"),
        Case(
            name: "a file's POST", request: TestGateway.post(headers: "Origin: null\r\n"), status: 403, says: "web page"
        ),
        Case(
            name: "another port's page", request: TestGateway.post(headers: "Origin: http://localhost:3000\r\n"),
            status: 403, says: "web page"),
    ]

    @Test("Each with its status and reason, and nothing reaches anybody", arguments: cases)
    func refused(_ test: Case) async throws {
        try await TestGateway.run { gateway in
            let client = try await gateway.client()
            try await client.send(test.request)
            let answer = try await client.message()
            #expect(answer.status == test.status)
            #expect(answer.body.contains(test.says))
            #expect(answer.body.hasPrefix("{\"error\":{\"code\":\""))
            #expect(answer.headers["content-type"] == "application/json")
            if test.status == 405 { #expect(answer.headers["allow"] == "POST") }
            #expect(gateway.engine.connectionCount == 0)
            #expect(gateway.management.connectionCount == 0)
            #expect(gateway.broker.calls.value.isEmpty)
        }
    }

    @Test("The gateway's own page may use it")
    func ownPage() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post(headers: "Origin: http://localhost:8000\r\n"))
            _ = try await test.engine.connection().message()
        }
    }

    @Test(
        "Two framings, or half a one, are refused, and the connection ends",
        arguments: [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n", "Transfer-Encoding: chunked, identity\r\n",
            "Content-Length: +5\r\n", "Transfer-Encoding : chunked\r\n",
        ])
    func smuggling(framing: String) async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            let hidden = TestGateway.get("/health")
            try await client.send(
                "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(framing)\r\n"
                    + "0\r\n\r\n\(hidden)")
            let text = try await client.closed()
            #expect(text.hasPrefix("HTTP/1.1 400 "))
            #expect(text.components(separatedBy: "Content-Type: ").count == 2)
            #expect(test.management.connectionCount == 0)
        }
    }

    @Test("A chunked body in HTTP/1.0 is refused")
    func oldChunks() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(
                "POST /v1/completions HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            #expect(try await client.closed().hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test("A body that says that it is too large is refused before it comes")
    func tooLargeByHead() async throws {
        try await TestGateway.run(bodyLimit: 100) { test in
            let client = try await test.client()
            try await client.send(
                "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 101\r\n\r\n")
            let text = try await client.closed()
            #expect(text.hasPrefix("HTTP/1.1 413 "))
            #expect(text.lowercased().contains("connection: close\r\n"))
        }
    }

    @Test("A body that grows too large is refused, and the client still being at it can read why")
    func tooLargeByBody() async throws {
        try await TestGateway.run(bodyLimit: 1000) { test in
            let client = try await test.client()
            try await client.send(
                "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<100 { client.offer(.init(string: TestGateway.chunk(String(repeating: " ", count: 4096)))) }
            #expect(try await client.closed().hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test("The bodies of all connections together are bounded, and room comes back")
    func bufferedBytes() async throws {
        try await TestGateway.run(bufferedBytesLimit: 100) { test in
            let first = try await test.client()
            let padding = ",\"x\":\"" + String(repeating: "x", count: 50) + "\""
            try await first.send(TestGateway.post(model: "cold", more: padding))
            _ = try await test.broker.calls.wait(for: "the call") { $0.isEmpty ? nil : true }
            let second = try await test.client()
            try await second.send(TestGateway.post(more: padding))
            let refusal = try await second.message()
            #expect(refusal.status == 429)
            #expect(refusal.headers["retry-after"] == "1")
            try await first.close()
            _ = try await test.broker.calls.wait(for: "the cancellation") { $0[0].isCancelled ? true : nil }
            let third = try await test.client()
            try await third.send(TestGateway.post(more: padding))
            _ = try await test.engine.connection().message()
        }
    }

    @Test("Headers without end are refused")
    func headers() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            client.offer(
                .init(string: "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "x", count: 200_000)))
            #expect(try await client.closed().hasPrefix("HTTP/1.1 431 "))
        }
    }
}
