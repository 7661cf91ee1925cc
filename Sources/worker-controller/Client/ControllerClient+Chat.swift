import AsyncHTTPClient
import Foundation
import Scheduling

extension ControllerClient {
    /// Asks for a chat completion and calls `show` with each piece of text as it comes.
    ///
    /// - Throws: `ClientError`; also when the stream ends with an error or before its end.
    func chat(_ request: ChatRequest, show: (String) throws -> Void) async throws -> ChatAnswer {
        let clock = ContinuousClock()
        let start = clock.now
        let response = try await execute("/v1/chat/completions", method: .post, body: JSONEncoder().encode(request))
        var answer = ChatAnswer()
        answer.tier = response.headers.first(name: "x-start-tier")
        answer.stages = response.headers["server-timing"].flatMap(ServerTiming.stages)
        var pieces = 0
        var counted: Int?
        var first: ContinuousClock.Instant?
        var isDone = false
        try await events(of: response) { event in
            guard event.data != "[DONE]" else {
                isDone = true
                return false
            }
            let chunk = try Self.chunk(of: event)
            counted = chunk.usage?.completionTokens ?? counted
            guard let text = chunk.choices?.first?.delta?.content, !text.isEmpty else { return true }
            let now = clock.now
            if let first {
                answer.decodeTime = now - first
            } else {
                first = now
                answer.timeToFirstToken = now - start
            }
            pieces += 1
            answer.text += text
            try show(text)
            return true
        }
        guard isDone else {
            throw ClientError.failed(
                "the answer ended before its end; `worker-controller logs \(request.model)` may say why")
        }
        answer.tokens = counted ?? pieces
        return answer
    }

    private static func chunk(of event: ServerSentEvent) throws(ClientError) -> ChatChunk {
        guard let chunk = try? JSONDecoder().decode(ChatChunk.self, from: Data(event.data.utf8)) else {
            throw .failed(
                event.name == "error"
                    ? event.data : "the engine sent what is no chunk of an answer: \(event.data.prefix(200))")
        }
        if let error = chunk.error { throw .failed(error.message) }
        return chunk
    }
}
