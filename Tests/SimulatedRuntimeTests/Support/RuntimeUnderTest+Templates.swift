import ControlProtocol
import Foundation

extension RuntimeUnderTest {
    /// The model's folder where a test wants one that is there.
    var modelFolder: URL { folder.appendingPathComponent("model") }

    /// What the model's answers are to begin with once its weights are loaded again.
    func writeOpening(_ text: String) throws {
        try FileManager.default.createDirectory(at: modelFolder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: modelFolder.appendingPathComponent("opening.txt"))
    }

    func requestPreparation(
        of model: String = "small", _ arguments: [String: JSONValue] = [:], weights: Bool = false
    ) throws -> ControlMessage {
        try controller.ask("p-9") {
            .prepare(
                Prepare(
                    id: $0, deadlineMilliseconds: 5000, model: model, names: [model], path: modelFolder.path,
                    arguments: arguments, environment: [:], device: "cpu:0", cores: [], weights: weights))
        }
    }

    /// Forks p-9, a template, and tells it its model; does not wait until it is prepared.
    @discardableResult
    func makeTemplate(_ arguments: [String: JSONValue] = [:], weights: Bool = false) throws -> Int32 {
        _ = try hello(from: "p-1")
        let template = try fork("p-9", .template)
        try prepare(arguments, weights: weights)
        return template.pidfd
    }

    /// Wants its preparation to be accepted.
    func prepare(_ arguments: [String: JSONValue] = [:], weights: Bool) throws {
        let answer = try requestPreparation(arguments, weights: weights)
        guard case .accepted = answer else { throw TestFailure("not accepted: \(answer)") }
    }

    func prepared() throws -> Prepared {
        try controller.next(from: "p-9") { if case .prepared(let prepared) = $0 { prepared } else { nil } }
    }

    /// The stages of an engine's two processes, in order.
    func stages() throws -> (core: [Stage], frontEnd: [Stage]) {
        (try (0..<5).map { _ in try nextStage(of: "p-3") }, try (0..<3).map { _ in try nextStage(of: "p-2") })
    }

    /// The first word of the engine's answer.
    func opening() throws -> String {
        let answer = try HTTPConnection(socket)
            .request("POST", "/v1/completions", #"{"prompt":"x","max_tokens":1}"#).json()
        guard let text = (answer["choices"] as? [[String: Any]])?.first?["text"] as? String else {
            throw TestFailure("no text: \(answer)")
        }
        return text
    }
}
