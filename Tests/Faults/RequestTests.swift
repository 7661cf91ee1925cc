import Foundation
import TestSupport
import Testing

extension Faults {
    @Suite struct Requests {
        private static let chat = "/v1/chat/completions"

        @Test func unknownModel() async throws {
            let models = [TestModel("llama-small", settings: ["aliases": "[default]"]), TestModel("qwen")]
            try await withController(.init(models)) { controller in
                let reply = try await controller.ask("llama-smal")
                #expect(reply.status == 404)
                let error = try reply.error()
                #expect(error.code == "model_not_found")
                #expect(error.type == "invalid_request_error")
                #expect(error.param == "model")
                #expect(error.message.contains("Nearest names: 'llama-small'"))
                // An engine that is not there is no model either.
                #expect(try await controller.ask("e-1").status == 404)
                #expect(try await controller.engines().isEmpty)
            }
        }

        @Test func bodiesThatMakeNoSense() async throws {
            try await withController(.init([TestModel("alpha")], settings: ["limits": "{body: 4KiB}"])) { controller in
                let nested = #"{"messages": [], "metadata": {"model": "alpha"}}"#
                let bodies = [
                    ("{\"model\": \"alpha\", ", "not valid JSON"), ("model=alpha", "not valid JSON"),
                    ("", "has no body and names no model"), ("[1]", "must be a JSON object"),
                    (#"{"messages": []}"#, "names no model"),
                    (nested, "names no model"), (#"{"model": 3}"#, "must be a string"),
                ]
                for (body, reason) in bodies {
                    let reply = try await controller.post(Self.chat, Data(body.utf8))
                    #expect(reply.status == 400, "\(body)")
                    let error = try reply.error()
                    #expect(error.code == "bad_request", "\(body)")
                    #expect(error.message.contains(reason), "\(body): \(error.message)")
                }
                let large = #"{"model": "alpha", "prompt": ""# + String(repeating: "x", count: 5000) + #""}"#
                let reply = try await controller.post(Self.chat, Data(large.utf8))
                #expect(reply.status == 413)
                #expect(try reply.error().code == "request_too_large")
                // None of this started anything, and the next request is served.
                #expect(try await controller.engines().isEmpty)
                _ = try await controller.ask("alpha").succeeded()
            }
        }

        @Test func whatTheEngineRefusesIsPassedOn() async throws {
            try await withController(.init([TestModel("alpha", arguments: ["max-model-len": "8"])])) { controller in
                let reply = try await controller.ask("alpha", "one", tokens: 9)
                #expect(reply.status == 400)
                #expect(try reply.decoded(EngineError.self).error.message.contains("context length"))
                _ = try await controller.ask("alpha", "one", tokens: 2).succeeded()
            }
        }

        @Test func webPages() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                let body = Data(#"{"model": "alpha", "messages": [{"role": "user", "content": "hi"}]}"#.utf8)
                let json = ["content-type": "application/json"]
                let pages: [[String: String]] = [
                    json.merging(["origin": "https://evil.example"]) { $1 },
                    json.merging(["origin": "null"]) { $1 },
                    json.merging(["origin": "http://127.0.0.1:1"]) { $1 },
                    // A name that a page bent to our address.
                    json.merging(["host": "evil.example"]) { $1 },
                ]
                for headers in pages {
                    for path in [Self.chat, "/models/alpha/load"] {
                        let reply = try await controller.post(path, body, headers: headers)
                        #expect(reply.status == 403, "\(path) \(headers)")
                        #expect(try reply.error().code == "forbidden")
                    }
                    #expect(try await controller.get("/models", headers: headers).status == 403)
                }
                // What a form can send without asking the browser first.
                for type in ["text/plain", "application/x-www-form-urlencoded"] {
                    #expect(try await controller.post(Self.chat, body, headers: ["content-type": type]).status == 415)
                }
                #expect(try await controller.engines().isEmpty)
                let own = json.merging(["origin": controller.address]) { $1 }
                _ = try await controller.post(Self.chat, body, headers: own).succeeded()
            }
        }

        @Test func pathsThatAreNotOurs() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                for path in ["/v1/load_lora_adapter", "/collective_rpc", "/sleep", "/nothing"] {
                    let reply = try await controller.post(path, Data(#"{"model": "alpha"}"#.utf8))
                    #expect(reply.status == 404, "\(path)")
                }
                #expect(try await controller.get("/v1/chat/completions").status == 405)
                #expect(try await controller.engines().isEmpty)
            }
        }
    }
}

/// As vLLM tells it, with a number for a code.
private struct EngineError: Decodable {
    struct Details: Decodable { let message: String }
    let error: Details
}
