import Foundation
import Hummingbird
import Scheduling
import Testing

@testable import worker_controller

@Suite(.timeLimit(.minutes(5)))
struct ChatTests {
    private static let request = ChatRequest(model: "small", messages: [ChatMessage(role: "user", content: "Hi")])

    private static func chunk(_ text: String) -> String {
        #"data: {"choices":[{"delta":{"content":"\#(text)"}}]}"# + "\n\n"
    }

    /// What the client makes of an answer.
    private func chat(
        _ pieces: [String], status: HTTPResponse.Status = .ok, headers: HTTPFields = [.contentType: "text/event-stream"]
    ) async throws -> (shown: [String], result: Result<ChatAnswer, ClientError>) {
        var shown: [String] = []
        var result: Result<ChatAnswer, ClientError> = .failure(.failed("never asked"))
        _ = try await CannedServer(pieces: pieces, status: status, headers: headers).with { address in
            do {
                result = .success(
                    try await ControllerClient.connected(to: address) { client in
                        try await client.chat(Self.request) { shown.append($0) }
                    })
            } catch let error as ClientError {
                result = .failure(error)
            }
        }
        return (shown, result)
    }

    @Test func anAnswerComesPieceByPiece() async throws {
        var headers: HTTPFields = [.contentType: "text/event-stream"]
        headers[.init("x-start-tier") ?? .server] = "cold"
        headers[.init("server-timing") ?? .server] = "queue;dur=0.5, load;dur=200"
        let (shown, result) = try await chat(
            [
                #"data: {"choices":[{"delta":{"role":"assistant","content":""}}]}"# + "\n\n", Self.chunk("Hel"),
                Self.chunk("lo") + "data: {\"choices\":[],", #""usage":{"completion_tokens":7}}"# + "\n\n",
                "data: [DONE]\n\n",
            ], headers: headers)
        #expect(shown == ["Hel", "lo"])
        let answer = try result.get()
        #expect(answer.text == "Hello")
        #expect(answer.tokens == 7)
        #expect(answer.tier == "cold")
        #expect(
            answer.stages == [
                StageTime(stage: "queue", milliseconds: 0.5), StageTime(stage: "load", milliseconds: 200),
            ])
        #expect(try #require(answer.timeToFirstToken) > .zero)
    }

    @Test func withoutACountThePiecesAreCounted() async throws {
        let (_, result) = try await chat([Self.chunk("a"), Self.chunk("b"), "data: [DONE]\n\n"])
        #expect(try result.get().tokens == 2)
    }

    @Test func anErrorInMidStreamIsAFailure() async throws {
        let event = "event: error\n" + #"data: {"error":{"message":"the engine ended","type":"server_error"}}"# + "\n\n"
        let (shown, result) = try await chat([Self.chunk("a"), event])
        #expect(shown == ["a"])
        #expect(throws: ClientError.failed("the engine ended")) { try result.get() }
    }

    @Test(arguments: ["event: error\ndata: out of memory\n\n", "data: out of memory\n\n"])
    func wordsThatAreNoChunkAreAFailure(event: String) async throws {
        let (_, result) = try await chat([event])
        let error = #expect(throws: ClientError.self) { try result.get() }
        #expect(error?.description.hasSuffix("out of memory") == true)
    }

    @Test func anAnswerWithoutItsEndIsAFailure() async throws {
        let (shown, result) = try await chat([Self.chunk("a")])
        #expect(shown == ["a"])
        let error = #expect(throws: ClientError.self) { try result.get() }
        #expect(error?.description.contains("logs small") == true)
    }

    @Test func aRefusalIsTold() async throws {
        let body = #"{"error":{"message":"queue full","type":"rate_limit_error","code":"queue_full","param":null}}"#
        let (_, result) = try await chat([body], status: .tooManyRequests, headers: [.contentType: "application/json"])
        let error = #expect(throws: ClientError.self) { try result.get() }
        #expect(error?.description == "queue full")
    }

    @Test func anAnswerThatIsNoControllersIsShown() async throws {
        let (_, result) = try await chat(["<html>proxy</html>"], status: .badGateway)
        let error = #expect(throws: ClientError.self) { try result.get() }
        #expect(error?.description == "HTTP 502, and no word of why from a controller: <html>proxy</html>")
    }

    @Test func theRequestIsOpenAIs() async throws {
        var request = Self.request
        request.maxTokens = 5
        request.temperature = 0
        let received = try await CannedServer(pieces: ["data: [DONE]\n\n"]).with { [request] address in
            _ = try await ControllerClient.connected(to: address) { try await $0.chat(request) { _ in } }
        }
        #expect(received?.path == "/v1/chat/completions")
        let sent = try #require(
            JSONSerialization.jsonObject(with: Data((received?.body ?? "").utf8)) as? NSDictionary)
        #expect(
            sent == [
                "model": "small", "messages": [["role": "user", "content": "Hi"]], "max_tokens": 5, "temperature": 0,
                "stream": true, "stream_options": ["include_usage": true],
            ])
    }

    @Test func aConversationRemembers() {
        var conversation = Conversation(system: "Be brief")
        conversation.ask("Hi")
        conversation.hear("Hello")
        conversation.ask("Bye")
        #expect(conversation.messages.map(\.role) == ["system", "user", "assistant", "user"])
        #expect(conversation.messages.map(\.content) == ["Be brief", "Hi", "Hello", "Bye"])
        #expect(Conversation(system: nil).messages.isEmpty)
    }
}
