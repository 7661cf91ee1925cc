import ControlProtocol
import Foundation
import NIOCore
import NIOPosix

/// The front end: builds its server, waits for the core, then listens.
struct FrontEndStart: EngineStart {
    let assignment: Assign
    let work: Progress

    func run(_ stages: inout Stages) async throws {
        let (assignment, work) = (assignment, work)
        // First of all, so that the core finds it.
        let core = try await EngineLink.Listener(path: assignment.inputSocket)
        let arguments = try await stages.configure()
        try await stages.run(.app) {}
        try await stages.run(.listen) {
            try await core.waitUntilReady()
            let engine = ServedEngine(assignment: assignment, arguments: arguments, work: work, core: core)
            try await HTTPServer.listen(engine, path: assignment.socket)
        }
    }
}
