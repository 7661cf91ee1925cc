import NIOHTTP1
import Scheduling
import Testing

@testable import Gateway

@Suite("What a request's head decides")
struct RequestTests {
    @Test(
        "Paths that engines answer",
        arguments: [
            "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/messages",
            "/v1/messages/count_tokens", "/v1/rerank", "/v1/score", "/pooling", "/classify", "/tokenize", "/detokenize",
        ])
    func engines(path: String) throws {
        #expect(try RequestTarget(method: .POST, uri: path) == .engine(.json))
        #expect(try RequestTarget(method: .POST, uri: path + "?x=/v1/other") == .engine(.json))
        for method in [HTTPMethod.GET, .PUT, .OPTIONS] {
            let error = #expect(throws: ErrorResponse.self) { try RequestTarget(method: method, uri: path) }
            #expect(error?.status == .methodNotAllowed)
            #expect(error?.headers["allow"] == ["POST"])
        }
    }

    @Test("Audio takes forms")
    func audio() throws {
        #expect(try RequestTarget(method: .POST, uri: "/v1/audio/transcriptions") == .engine(.jsonOrForm))
    }

    @Test("Management", arguments: ["/", "/health", "/v1/models", "/v1/models/a/b", "/v2", "//v1/completions", "/v10"])
    func management(path: String) throws {
        #expect(try RequestTarget(method: .GET, uri: path) == .management)
    }

    @Test(
        "Nobody",
        arguments: [
            ("/v1", 404), ("/v1/", 404), ("/v1/load_lora_adapter", 404), ("/v1/audio/", 404), ("/v1/audio/a/b", 404),
            ("/v1/audio/..", 404), ("/v1/audio/%2e%2e", 404), ("/v1/completions/", 404), ("/v1/%63ompletions", 404),
            ("/v1/completions#", 404), ("http://localhost/v1/completions", 400), ("*", 400), ("localhost:80", 400),
        ])
    func nobody(path: String, status: Int) {
        let error = #expect(throws: ErrorResponse.self) { try RequestTarget(method: .POST, uri: path) }
        #expect(error?.status.code == UInt(status))
    }

    @Test("The list of models is only read")
    func models() {
        let error = #expect(throws: ErrorResponse.self) { try RequestTarget(method: .DELETE, uri: "/v1/models/a") }
        #expect(error?.headers["allow"] == ["GET, HEAD"])
    }

    @Test(
        "Hosts and origins that are let in",
        arguments: [
            ("localhost", nil), ("LOCALHOST:1", nil), ("127.0.0.1:8000", nil), ("127.255.3.4", nil),
            ("[::1]:8000", nil),
            ("localhost:8000", "http://localhost:8000"), ("[::1]:8000", "http://[::1]:8000"),
            ("localhost:80", "http://localhost"), ("127.0.0.1", "HTTP://127.0.0.1:80"),
        ])
    func letIn(host: String, origin: String?) throws {
        var headers: HTTPHeaders = ["Host": host]
        if let origin { headers.add(name: "Origin", value: origin) }
        #expect(throws: Never.self) { try WebPageGuard.check(headers) }
    }

    @Test(
        "Hosts and origins that are kept out",
        arguments: [
            ("", nil), ("evil.example", nil), ("localhost.evil.example", nil), ("127.0.0.1.evil.example", nil),
            ("127.0.0", nil), ("127.0.0.256", nil), ("127.0.0.1:", nil), ("127.0.0.1:x", nil), ("127.0.0.1:99999", nil),
            ("127.0.0.+1", nil), ("128.0.0.1", nil), ("0.0.0.0", nil), ("::1", nil), ("[::2]", nil), ("[::1]x", nil),
            ("user@localhost", nil), ("localhost", "null"), ("localhost", ""), ("localhost", "http://evil.example"),
            ("localhost:8000", "http://localhost:8001"), ("localhost:8000", "https://localhost:8000"),
            ("localhost:8000", "http://127.0.0.1:8000"), ("localhost", "http://localhost/"), ("localhost", "file://"),
        ])
    func keptOut(host: String, origin: String?) {
        var headers: HTTPHeaders = ["Host": host]
        if let origin { headers.add(name: "Origin", value: origin) }
        let error = #expect(throws: ErrorResponse.self) { try WebPageGuard.check(headers) }
        #expect(error?.status == .forbidden)
    }

    @Test("No host, and two of anything, are kept out")
    func twice() {
        #expect(throws: ErrorResponse.self) { try WebPageGuard.check([:]) }
        for name in ["Host", "Origin"] {
            var headers: HTTPHeaders = ["Host": "localhost", "Origin": "http://localhost"]
            headers.add(name: name, value: headers[name][0])
            #expect(throws: ErrorResponse.self) { try WebPageGuard.check(headers) }
        }
    }

    @Test("Headers of one connection stay there")
    func hopByHop() {
        var headers: HTTPHeaders = ["Connection": "close, X-One", "x-one": "1", "X-Two": "2", "Keep-Alive": "5"]
        headers.add(name: "connection", value: "x-three")
        headers.add(name: "X-Three", value: "3")
        for name in ["TE", "Trailer", "Upgrade", "Proxy-Connection", "Transfer-Encoding", "Proxy-Authorization"] {
            headers.add(name: name, value: "x")
        }
        headers.add(name: "X-Two", value: "4")
        #expect(HeaderFilter.response(headers) == ["X-Two": "2", "X-Two": "4"])
        headers.add(name: "Expect", value: "100-continue")
        #expect(HeaderFilter.request(headers, bodyBytes: 0) == ["X-Two": "2", "X-Two": "4"])
    }

    @Test("A request says how long its body is, a response keeps what it says")
    func lengths() {
        let lying: HTTPHeaders = ["content-length": "7", "X-Start-Tier": "hot"]
        #expect(HeaderFilter.request(lying, bodyBytes: 3)["content-length"] == ["3"])
        #expect(HeaderFilter.request(["transfer-encoding": "chunked"], bodyBytes: 3) == ["Content-Length": "3"])
        #expect(HeaderFilter.response(lying) == ["content-length": "7"])
    }

    @Test("Nearest names")
    func nearest() {
        let names = ["smollm2", "llama-3-8b", "llama-3-70b", "qwen", "e-1"]
        #expect(NearestNames.of("SmolLM", among: names) == ["smollm2"])
        #expect(NearestNames.of("llama", among: names) == ["llama-3-8b", "llama-3-70b"])
        #expect(NearestNames.of("qwne", among: names) == ["qwen"])
        #expect(NearestNames.of("qwen-chat-long-name", among: names) == ["qwen"])
        #expect(NearestNames.of("mistral", among: names).isEmpty)
        #expect(NearestNames.of("", among: ["abc"]).isEmpty)
        #expect(NearestNames.of("m", among: ["m1", "m2", "m3", "m4"]) == ["m1", "m2", "m3"])
    }

    @Test("What an unknown model is told does not grow with what was asked for, nor with what there is")
    func unknownModel() {
        let many = RouteSnapshot(
            models: .init(
                uniqueKeysWithValues: (0..<100).map { ("m\($0)", ModelRoute(model: "m\($0)", engines: [])) }))
        let error = UnknownModel.response(to: String(repeating: "x", count: 100_000), in: many)
        #expect(error.error.message.count < 300)
        #expect(error.error.message.contains("100 configured models"))
        #expect(UnknownModel.response(to: "a", in: RouteSnapshot()).error.message.contains("No models are configured"))
    }

    @Test(
        "The model in a query",
        arguments: [("/a?model=x", "x"), ("/a?b=c&model=a%2Fb", "a/b"), ("/a?models=y&model=x", "x")])
    func modelInQuery(_ uri: String, _ model: String) throws {
        #expect(try RequestTarget.modelInQuery(of: uri) == model)
    }

    @Test(
        "No model in a query", arguments: ["/a", "/a?", "/a?model", "/a?model=", "/a?model=x&model=y", "/a?model=%ff"])
    func noModelInQuery(_ uri: String) {
        #expect(throws: ErrorResponse.self) { try RequestTarget.modelInQuery(of: uri) }
    }
}
