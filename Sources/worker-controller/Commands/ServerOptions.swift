import ArgumentParser
import Foundation

/// How a client command finds its controller.
struct ServerOptions: ParsableArguments {
    static let variable = "WORKER_CONTROLLER_ADDRESS"

    @Option(
        help: ArgumentHelp(
            "Where the controller answers. Default: $\(ServerOptions.variable), else \(ControllerAddress.standard).",
            valueName: "url"))
    var address: ControllerAddress?

    /// - Parameter environment: of the process.
    func resolved(environment: [String: String]) throws(ValidationError) -> ControllerAddress {
        if let address { return address }
        guard let text = environment[Self.variable], !text.isEmpty else { return .standard }
        guard let address = ControllerAddress(argument: text) else {
            throw ValidationError("\(Self.variable) is \"\(text)\", which is no address; write it as http://HOST:PORT.")
        }
        return address
    }

    func withClient<Value: Sendable>(_ body: (ControllerClient) async throws -> Value) async throws -> Value {
        try await ControllerClient.connected(to: resolved(environment: ProcessInfo.processInfo.environment), body)
    }
}

/// For every command that shows something.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the API's JSON as it is.")
    var json = false
}
