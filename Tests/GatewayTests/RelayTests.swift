import Foundation
import NIOCore
import Scheduling
import Testing

@Suite("Relay to a ready engine")
struct RelayTests {
    @Test("A hot request goes straight to the engine, unchanged")
    func hot() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            let body = "{ \"messages\" : [],\n \"model\" : \"hot\", \"x\": 1e3}"
            try await client.send(
                TestGateway.post(
                    "\(TestGateway.chat)?a=b", body: body,
                    headers: "X-Mine: 1\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n"))
            let engine = try await test.engine.connection()
            let request = try await engine.message()
            #expect(request.startLine == "POST /v1/chat/completions?a=b HTTP/1.1")
            #expect(request.body == body)
            #expect(request.headers["x-mine"] == "1")
            #expect(request.headers["x-hop"] == nil)
            #expect(request.headers["te"] == nil)
            #expect(request.headers["connection"] == nil)
            #expect(test.permits.inFlight == 1)
            try await engine.send(
                TestGateway.ok("{\"ok\":true}", headers: "X-Engine: 2\r\nKeep-Alive: 5\r\nX-Start-Tier: mine\r\n"))
            let answer = try await client.message()
            #expect(answer.status == 200)
            #expect(answer.body == "{\"ok\":true}")
            #expect(answer.headers["x-engine"] == "2")
            #expect(answer.headers["keep-alive"] == nil)
            #expect(answer.headers["x-start-tier"] == "hot")
            #expect(answer.headers["server-timing"]?.hasPrefix("queue;dur=") == true)
            #expect(test.permits.inFlight == 0)
            #expect(test.broker.calls.value.isEmpty)
        }
    }

    @Test("A stream passes chunk by chunk, as it comes")
    func stream() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send(TestGateway.streamHead + TestGateway.chunk("data: one\n\n"))
            // The second chunk is not sent before the first one has arrived.
            _ = try await client.text(containing: "data: one\n\n")
            try await engine.send(TestGateway.chunk("data: two\n\n"))
            _ = try await client.text(containing: "data: two\n\n")
            try await engine.send("0\r\n\r\n")
            let answer = try await client.message()
            #expect(answer.body == "data: one\n\ndata: two\n\n")
            #expect(test.permits.inFlight == 0)
        }
    }

    @Test("Both connections are used again")
    func keepAlive() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            for number in 1...3 {
                try await client.send(TestGateway.post())
                let engine = try await test.engine.connection()
                _ = try await engine.message()
                try await engine.send(TestGateway.ok("\(number)"))
                #expect(try await client.message().body == "\(number)")
            }
            #expect(test.engine.connectionCount == 1)
        }
    }

    @Test("Idle connections to an engine end with its route")
    func routeGone() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send(TestGateway.ok("1"))
            _ = try await client.message()
            test.gateway.publish(RouteSnapshot())
            try await engine.closed()
        }
    }

    @Test("Pipelined requests are answered one after the other, in order")
    func pipelining() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            let refused = TestGateway.post(model: "none")
            try await client.send(
                TestGateway.post() + refused + TestGateway.post(more: ",\"n\":2") + refused
                    + String(repeating: TestGateway.get("/v1/nothing"), count: 50))
            let engine = try await test.engine.connection()
            #expect(try await engine.message().body == "{\"model\":\"hot\"}")
            #expect(engine.inbound.value.text.isEmpty)
            try await engine.send(TestGateway.ok("1"))
            #expect(try await engine.message().body == "{\"model\":\"hot\",\"n\":2}")
            try await engine.send(TestGateway.ok("2"))
            #expect(try await client.message().body == "1")
            #expect(try await client.message().status == 404)
            #expect(try await client.message().body == "2")
            for _ in 0..<51 { #expect(try await client.message().status == 404) }
        }
    }

    @Test("A slow reader stops the engine, and gets everything")
    func backpressure() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.setReading(false)
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            // More than the sockets on the way can hold: written to the end only when the client reads.
            let size = 64 << 20
            try await engine.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            let written = Watched(false)
            engine.channel.writeAndFlush(ByteBuffer(repeating: 120, count: size)).whenSuccess {
                written.update { $0 = true }
            }
            // The other requests of this loop are served meanwhile.
            let other = try await test.client()
            for _ in 0..<20 {
                try await other.send(TestGateway.get("/v1/nothing"))
                #expect(try await other.message().status == 404)
            }
            #expect(!written.value)
            #expect(test.permits.inFlight == 1)
            try await client.setReading(true)
            _ = try await written.wait(for: "the last byte") { $0 ? true : nil }
            let bytes = try await client.inbound.wait(for: "the whole body") { inbound in
                inbound.text.utf8.count >= size ? inbound.text.utf8.count : nil
            }
            #expect(bytes < size + 1000)
        }
    }

    @Test("A reader that has stopped for good is given up, and so is its permit")
    func stalledReader() async throws {
        try await TestGateway.run(stallLimit: .milliseconds(300)) { test in
            let client = try await test.client()
            try await client.setReading(false)
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            let size = 64 << 20
            try await engine.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            engine.channel.writeAndFlush(ByteBuffer(repeating: 120, count: size), promise: nil)
            _ = try await engine.closed()
            #expect(test.permits.inFlight == 0)
        }
    }

    @Test("Without a body, the query names the model")
    func modelInQuery() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post("/classify?x=1&model=h%6Ft", body: ""))
            let engine = try await test.engine.connection()
            #expect(try await engine.message().startLine == "POST /classify?x=1&model=h%6Ft HTTP/1.1")
            try await engine.send(TestGateway.ok("{}"))
            #expect(try await client.message().status == 200)
        }
    }

    @Test("The answer to HEAD has a length and no body")
    func head() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send("HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let management = try await test.management.connection()
            #expect(try await management.message().startLine == "HEAD /v1/models HTTP/1.1")
            try await management.send("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n")
            let answer = try await client.message(hasBody: false)
            #expect(answer.headers["content-length"] == "77")
            // The connection still stands where it should.
            try await client.send("HEAD /v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let refusal = try await client.message(hasBody: false)
            #expect(refusal.status == 404)
            #expect(refusal.headers["content-length"] != nil)
            try await client.send(TestGateway.get("/v1/nothing"))
            #expect(try await client.message().status == 404)
        }
    }

    @Test("204, 304 and 1xx have no body and no framing", arguments: ["204 No Content", "304 Not Modified"])
    func bodiless(status: String) async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.get("/health") + TestGateway.get("/v1/nothing"))
            let management = try await test.management.connection()
            _ = try await management.message()
            try await management.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 \(status)\r\n\r\n")
            let answer = try await client.message(hasBody: false)
            #expect(answer.startLine == "HTTP/1.1 \(status)")
            #expect(answer.headers["transfer-encoding"] == nil)
            #expect(try await client.message().status == 404)
        }
    }

    @Test("An answer that ends with the engine's connection is passed on whole")
    func closeDelimited() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send("HTTP/1.1 200 OK\r\n\r\nall of it")
            try await engine.close()
            #expect(try await client.message().body == "all of it")
        }
    }

    @Test("An HTTP/1.0 client gets an answer without chunks, and its end")
    func oldClient() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            let body = "{\"model\":\"hot\"}"
            try await client.send(
                "POST /v1/completions HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send(
                TestGateway.streamHead + TestGateway.chunk("data: 1\n\n") + TestGateway.chunk("data: 2\n\n")
                    + "0\r\n\r\n")
            let text = try await client.closed()
            #expect(text.hasSuffix("\r\n\r\ndata: 1\n\ndata: 2\n\n"))
            #expect(!text.lowercased().contains("transfer-encoding"))
        }
    }

    @Test("Expect: 100-continue is answered before the body comes")
    func expectContinue() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            let body = "{\"model\":\"hot\"}"
            let request = TestGateway.post(body: body, headers: "Expect: 100-continue\r\n")
            try await client.send(String(request.dropLast(body.count)))
            _ = try await client.text(containing: "HTTP/1.1 100 Continue\r\n\r\n")
            client.inbound.update { $0.text = "" }
            try await client.send(body)
            let engine = try await test.engine.connection()
            let received = try await engine.message()
            #expect(received.body == body)
            #expect(received.headers["expect"] == nil)
            try await engine.send(TestGateway.ok("1"))
            #expect(try await client.message().body == "1")
        }
    }

    @Test("A form with a file goes to the engine of the model that it names")
    func form() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            let body = """
                --X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\u{1}\u{2}\r\n-\r\n\
                --X\r\nContent-Disposition: form-data; name="model"\r\n\r\nhot\r\n--X--\r\n
                """
            try await client.send(
                TestGateway.post("/v1/audio/transcriptions", body: body, type: "multipart/form-data; boundary=X"))
            let engine = try await test.engine.connection()
            #expect(try await engine.message().body == body)
        }
    }

    @Test("Everything else goes to the management app")
    func management() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            for (number, request) in [
                TestGateway.get("/v1/models"), TestGateway.get("/v1/models/hot"), TestGateway.get("/workers"),
                TestGateway.post("/models/hot/load", body: ""),
            ].enumerated() {
                try await client.send(request)
                let management = try await test.management.connection(number)
                #expect(try await management.message().startLine == String(request.prefix { !$0.isNewline }))
                try await management.send(TestGateway.ok("{\"number\":\(number)}"))
                let answer = try await client.message()
                #expect(answer.body == "{\"number\":\(number)}")
                #expect(answer.headers["x-start-tier"] == nil)
            }
            await test.management.stop()
            try await client.send(TestGateway.get("/health"))
            let answer = try await client.message()
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "1")
        }
    }
}
