import ControlProtocol
import Foundation
import NIOCore
import NIOPosix

/// The front end: builds its server, waits for the core, then listens.
struct FrontEndStart: EngineStart {
    let assignment: Assign
    /// Those that its template had loaded; nil: they are loaded now.
    let weights: Weights?
    let vitals: Vitals
    let core: EngineLink.Listener

    func run(_ stages: inout Stages) async throws {
        let (assignment, vitals, core) = (assignment, vitals, core)
        // First of all, so that the core finds it.
        try await core.listen(on: assignment.inputSocket)
        let arguments = try await stages.configure(assignment.arguments)
        let weights = weights ?? Weights(folder: assignment.path)
        try await stages.run(.app) {}
        try await stages.run(.listen) {
            try await core.waitUntilReady()
            let engine = ServedEngine(
                assignment: assignment, weights: weights, arguments: arguments, vitals: vitals, core: core)
            try await HTTPServer.listen(engine, path: assignment.socket)
            vitals.serves(.ready)
        }
    }
}
