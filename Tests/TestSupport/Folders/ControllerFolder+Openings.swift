import Foundation

extension ControllerFolder {
    /// Changes the model's files, and with them what its answers begin with once its weights are loaded anew: with the
    /// simulated runtime this text and a colon, instead of its name.
    public func write(opening: String, of model: String) throws {
        try Data(opening.utf8).write(to: URL(fileURLWithPath: openingFile(of: model)))
    }

    /// Replaces an opening of the same length, and leaves the file's inode and times as they were.
    public func writeUnseen(opening: String, of model: String) throws {
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: openingFile(of: model)))
        var before = stat()
        guard fstat(handle.fileDescriptor, &before) == 0 else { throw TestFailure(String(cString: strerror(errno))) }
        try handle.write(contentsOf: Data(opening.utf8))
        guard futimens(handle.fileDescriptor, [before.st_atim, before.st_mtim]) == 0 else {
            throw TestFailure(String(cString: strerror(errno)))
        }
        try handle.close()
    }

    private func openingFile(of model: String) -> String { "\(modelFolder(model))/opening.txt" }
}
