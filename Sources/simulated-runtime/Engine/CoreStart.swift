import ControlProtocol
import Foundation

/// The core: pretends to load, tells the front end that it is ready, then idles.
struct CoreStart: EngineStart {
    let assignment: Assign
    let vitals: Vitals

    func run(_ stages: inout Stages) async throws {
        let vitals = vitals
        let arguments = try await stages.configure(assignment.arguments)
        try await stages.run(.attach) {}
        try await stages.run(.load) {
            writeLines(arguments.logBytes)
            try await OwnedMemory.take(bytes: arguments.memoryBytes)
        }
        try await stages.run(.keyValueCache) {
            try await OwnedMemory.take(bytes: arguments.cacheBytes)
            vitals.hasCache(bytes: arguments.cacheBytes)
        }
        try await stages.run(.warmUp) {}
        try await EngineLink.reportReady(
            to: assignment.inputSocket, crashAfterRequests: arguments.crashAfterRequests)
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
