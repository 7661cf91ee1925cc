import Foundation

/// What the events of one streamed chat completion tell, with the times of their arrival.
package struct StreamRecord {
    /// Each event with text in it.
    package private(set) var arrivals: [Instant] = []
    /// The event that says why the answer ended; it has the last token.
    package private(set) var lastToken: Instant?
    /// All of the answer.
    package private(set) var text = ""
    /// Why the answer ended.
    package private(set) var finishReason: String?
    /// As the server counts them; with `stream_options.include_usage` only.
    package private(set) var completionTokens: Int?
    package private(set) var isDone = false

    private struct Chunk: Decodable {
        struct Choice: Decodable {
            struct Delta: Decodable { let content: String? }
            let delta: Delta?
            let finishReason: String?

            enum CodingKeys: String, CodingKey {
                case delta
                case finishReason = "finish_reason"
            }
        }
        struct Usage: Decodable {
            let completionTokens: Int?

            enum CodingKeys: String, CodingKey { case completionTokens = "completion_tokens" }
        }
        let choices: [Choice]?
        let usage: Usage?
    }

    /// The first event with text in it.
    package var firstToken: Instant? { arrivals.first }

    /// Milliseconds between an event with text in it and the next.
    package var gaps: [Double] { zip(arrivals, arrivals.dropFirst()).map { $1.milliseconds(since: $0) } }

    /// Tokens per second after the first; nil where the stream has less than two.
    package var decodeSpeed: Double? {
        guard let firstToken, let lastToken, let completionTokens, completionTokens > 1, lastToken > firstToken else {
            return nil
        }
        return Double(completionTokens - 1) / (lastToken.milliseconds(since: firstToken) / 1000)
    }

    /// - Throws: for an event that is no part of an answer, as an error in mid-stream is.
    mutating func consume(_ event: String, at instant: Instant) throws {
        guard event != "[DONE]" else {
            isDone = true
            return
        }
        guard let chunk = try? JSONDecoder().decode(Chunk.self, from: Data(event.utf8)), let choices = chunk.choices
        else {
            throw BenchmarkError("The stream has an event that is no part of an answer: \(event.prefix(500))")
        }
        if let tokens = chunk.usage?.completionTokens { completionTokens = tokens }
        for choice in choices {
            if choice.delta?.content?.isEmpty == false { arrivals.append(instant) }
            text += choice.delta?.content ?? ""
            if let reason = choice.finishReason {
                finishReason = reason
                lastToken = instant
            }
        }
    }
}
