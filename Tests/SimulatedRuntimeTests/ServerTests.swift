import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    @Suite struct ServerTests {
        private func makeServer(_ arguments: [String: JSONValue] = [:]) throws -> RuntimeUnderTest {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(arguments)
            try runtime.awaitReady()
            return runtime
        }

        @Test func answersAreAFunctionOfThePromptAndTheModel() throws {
            let runtime = try makeServer()
            let connection = try HTTPConnection(runtime.socket)
            let chat = try connection.request(
                "POST", "/v1/chat/completions",
                #"{"model":"default","max_tokens":4,"messages":[{"role":"user","content":"to \"be\""}]}"#)
            #expect(chat.status == 200)
            #expect(chat.headers["content-type"] == "application/json")
            let answer = try chat.json()
            #expect(answer["model"] as? String == "default")
            #expect(answer["object"] as? String == "chat.completion")
            let choice = try #require((answer["choices"] as? [[String: Any]])?.first)
            #expect((choice["message"] as? [String: String])?["content"] == #"tiny: to "be" to"#)
            #expect(choice["finish_reason"] as? String == "length")
            let usage = try #require(answer["usage"] as? [String: Int])
            #expect(usage == ["prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6])

            // The same connection, and the default of 16 tokens.
            let text = try connection.request("POST", "/v1/completions", #"{"prompt":[7,8]}"#).json()
            let first = try #require((text["choices"] as? [[String: Any]])?.first)
            #expect((first["text"] as? String)?.split(separator: " ").count == 16)
            #expect((first["text"] as? String)?.hasPrefix("tiny: 7 8 7") == true)
        }

        @Test func aChatIsStreamedAsVLLMDoes() throws {
            let runtime = try makeServer()
            let response = try HTTPConnection(runtime.socket).request(
                "POST", "/v1/chat/completions",
                #"{"model":"small","max_tokens":3,"stream":true,"stream_options":{"include_usage":true},"#
                    + #""messages":[{"role":"user","content":[{"type":"text","text":"a b"}]}]}"#)
            #expect(response.headers["content-type"] == "text/event-stream; charset=utf-8")
            #expect(response.events.last == "[DONE]")
            let events = try response.events.dropLast().map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(events.count == 1 + 3 + 1 + 1)
            let choices = events.dropLast().compactMap { ($0["choices"] as? [[String: Any]])?.first }
            let deltas = choices.compactMap { $0["delta"] as? [String: String] }
            #expect(deltas.first?["role"] == "assistant")
            #expect(deltas.compactMap { $0["content"] }.joined() == "tiny: a b")
            #expect(choices.map { $0["finish_reason"] as? String } == [nil, nil, nil, nil, "length"])
            #expect((events.last?["usage"] as? [String: Int])?["completion_tokens"] == 3)
        }

        @Test func aTextIsStreamedToo() throws {
            let runtime = try makeServer()
            let response = try HTTPConnection(runtime.socket).request(
                "POST", "/v1/completions", #"{"max_tokens":200,"stream":true,"prompt":"x"}"#)
            let texts = try response.events.dropLast().map { event -> String? in
                let object = try JSONSerialization.jsonObject(with: Data(event.utf8)) as? [String: Any]
                return (object?["choices"] as? [[String: Any]])?.first?["text"] as? String
            }
            #expect(texts.compactMap { $0 }.joined() == "tiny:" + String(repeating: " x", count: 199))
            #expect(response.events.last == "[DONE]")
        }

        @Test func tokensComeAtTheirPace() throws {
            let runtime = try makeServer(["sim-tokens-per-second": 50, "sim-first-token-ms": 100])
            for stream in [true, false] {
                let start = ContinuousClock.now
                let response = try HTTPConnection(runtime.socket).request(
                    "POST", "/v1/completions", #"{"max_tokens":6,"stream":\#(stream),"prompt":"x"}"#)
                #expect(response.status == 200)
                #expect(ContinuousClock.now - start >= .milliseconds(100 + 5 * 20))
            }
        }

        @Test func aClientThatLeavesEndsItsRequest() throws {
            let runtime = try makeServer(["sim-tokens-per-second": 500])
            var connection: HTTPConnection? = try HTTPConnection(runtime.socket)
            let before = try runtime.ping("p-2").progress
            try connection?.send("POST", "/v1/completions", #"{"max_tokens":100000,"stream":false,"prompt":"x"}"#)
            let deadline = ContinuousClock.now + .seconds(TestController.patience)
            while try runtime.ping("p-2").progress < before + 10 { try #require(ContinuousClock.now < deadline) }
            connection = nil
            // Nobody tells that it ended: two looks, fifty tokens' time apart, see the same count.
            while true {
                let seen = try runtime.ping("p-2").progress
                usleep(100_000)
                if try runtime.ping("p-2").progress == seen { break }
                try #require(ContinuousClock.now < deadline)
            }
        }

        @Test func mistakesAreToldAsVLLMTellsThem() throws {
            let runtime = try makeServer(["max-model-len": 10])
            let connection = try HTTPConnection(runtime.socket)
            let cases = [
                ("/v1/chat/completions", "{", 400), ("/v1/chat/completions", "{}", 400),
                ("/v1/completions", #"{"prompt":"a","model":"other"}"#, 404),
                ("/v1/completions", #"{"prompt":"a","max_tokens":0}"#, 400),
                ("/v1/completions", #"{"prompt":"a b","max_tokens":9}"#, 400),
                ("/v1/completions", #"{"prompt":"a b","max_tokens":8}"#, 200),
                ("/v1/embeddings", "{}", 400), ("/nothing", "{}", 404),
            ]
            for (path, body, status) in cases {
                let response = try connection.request("POST", path, body)
                #expect(response.status == status, "\(path) \(body)")
                if status == 400 {
                    #expect((try response.json()["error"] as? [String: Any])?["code"] as? Int == 400)
                }
            }
            #expect(try connection.request("GET", "/v1/completions").status == 405)
        }

        @Test func theOtherRoutesAnswer() throws {
            let runtime = try makeServer()
            let connection = try HTTPConnection(runtime.socket)
            let models = try connection.request("GET", "/v1/models").json()
            let names = (models["data"] as? [[String: Any]])?.compactMap { $0["id"] as? String }
            #expect(names == ["small", "default", RuntimeUnderTest.engine])
            let tokens = try connection.request("POST", "/tokenize", #"{"prompt":"a b a"}"#).json()
            let numbers = try #require(tokens["tokens"] as? [Int])
            #expect(numbers.count == 3 && numbers[0] == numbers[2] && numbers[0] != numbers[1])
            let embeddings = try connection.request("POST", "/v1/embeddings", #"{"input":["a","b","a"]}"#).json()
            let vectors = try #require(embeddings["data"] as? [[String: Any]])
                .compactMap { $0["embedding"] as? [Double] }
            #expect(vectors.count == 3 && vectors[0].count == 8)
            #expect(vectors[0] == vectors[2] && vectors[0] != vectors[1])
        }

        @Test func connectionsAreKeptUnlessTheClientWantsOtherwise() throws {
            let runtime = try makeServer()
            let connection = try HTTPConnection(runtime.socket)
            for stream in [true, false, true] {
                let body = #"{"max_tokens":2,"stream":\#(stream),"prompt":"x"}"#
                #expect(try connection.request("POST", "/v1/completions", body).headers["connection"] == nil)
            }
            let last = try connection.request("GET", "/health", headers: ["Connection: close"])
            #expect(last.headers["connection"] == "close")
            #expect(connection.isClosedByServer())
        }
    }
}
