import AsyncHTTPClient
import Foundation
import NIOCore
import TestSupport

/// Asks an OpenAI server, ours or a stock one, for greedy answers, and takes the tokens themselves.
struct Asker {
    enum Surface: String, CaseIterable { case chat, completion }

    let address: String
    let model: String
    private static let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: .init(timeout: .init(connect: .seconds(10))))

    /// The ids of the answer's tokens.
    func tokens(_ prompt: String, _ surface: Surface, streamed: Bool, count: Int) async throws -> [Int] {
        var body: [String: Any] = [
            "model": model, "temperature": 0, "max_tokens": count, "stream": streamed, "return_token_ids": true,
        ]
        switch surface {
        case .chat: body["messages"] = [["role": "user", "content": prompt]]
        case .completion: body["prompt"] = prompt
        }
        let path = surface == .chat ? "/v1/chat/completions" : "/v1/completions"
        let text = try await post(path, try JSONSerialization.data(withJSONObject: body))
        let documents = streamed ? try Self.events(text) : [text]
        let tokens = try documents.flatMap { try Self.tokenIDs($0) }
        guard !tokens.isEmpty else { throw TestFailure("no tokens: \(text)") }
        return tokens
    }

    private func post(_ path: String, _ body: Data) async throws -> String {
        var request = HTTPClientRequest(url: address + path)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(body)
        let response = try await Self.client.execute(request, timeout: .seconds(300))
        let text = String(buffer: try await response.body.collect(upTo: 16 << 20))
        guard response.status == .ok else { throw TestFailure("status \(response.status): \(text)") }
        return text
    }

    /// The documents of an event stream, which has to end as it should.
    private static func events(_ text: String) throws -> [String] {
        var documents = text.components(separatedBy: "\n\n").filter { !$0.isEmpty }
            .map { String($0.dropFirst("data: ".count)) }
        guard documents.popLast() == "[DONE]" else { throw TestFailure("the stream did not end with [DONE]: \(text)") }
        return documents
    }

    private static func tokenIDs(_ document: String) throws -> [Int] {
        struct Answer: Decodable {
            struct Choice: Decodable {
                let tokenIds: [Int]?
            }
            let choices: [Choice]
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Answer.self, from: Data(document.utf8)).choices.flatMap { $0.tokenIds ?? [] }
    }
}
