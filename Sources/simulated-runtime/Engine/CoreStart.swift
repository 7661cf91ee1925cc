import ControlProtocol
import Foundation

/// The core: pretends to load, tells the front end that it is ready, then does what that one tells it.
struct CoreStart: EngineStart {
    let assignment: Assign
    let executor: any Executor

    func run(_ stages: inout Stages) async throws {
        let arguments = try await stages.configure(assignment.arguments)
        try await executor.start(arguments, &stages) { writeLines(arguments.logBytes) }
        let core = ServingCore(arguments: arguments, executor: executor, stages: stages)
        try await EngineLink.serve(at: assignment.inputSocket) { await core.answer($0) }
    }

    private func writeLines(_ bytes: Int) {
        let line = "loading weights " + String(repeating: ".", count: 63) + "\n"
        var left = bytes
        while left > 0 {
            writeLog(String(line.suffix(left)))
            left -= line.utf8.count
        }
    }
}
